// SPDX-License-Identifier: Apache-2.0
#include "app/commands/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ringcast::app {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr uint64_t kGiB = uint64_t{1} << 30;

// A machine on which a million connections fit without a word of warning.
DoctorFacts tuned() {
  DoctorFacts facts;
  facts.machine.cpus = 2;
  facts.machine.memory_bytes = 32 * kGiB;
  facts.machine.descriptors = 1'000'000;
  facts.memory_available = 30 * kGiB;
  facts.nr_open = 2'000'000;
  facts.file_max = 2'000'000;
  facts.files_open = 1'000;
  facts.somaxconn = 65535;
  facts.syn_backlog = 65535;
  facts.wmem_max = 4 << 20;
  facts.tcp_pages_max = 2'000'000;
  facts.conntrack_max = 2'000'000;
  facts.conntrack_entries = 10;
  facts.uring = {true, "", "multishot_recv"};
  return facts;
}

class Doctor : public testing::Test {
 protected:
  const Finding& about(std::string_view subject) {
    diagnosis_ = diagnose(connections_, options_, facts_);
    for (const Finding& finding : diagnosis_.findings) {
      if (finding.subject == subject) return finding;
    }
    static const Finding none{Verdict::ok, "none", "", {}};
    ADD_FAILURE() << "nothing is said about " << subject;
    return none;
  }
  void expect_problem(std::string_view subject, const std::string& fixes) {
    const Finding& finding = about(subject);
    EXPECT_EQ(finding.verdict, Verdict::problem) << finding.text;
    EXPECT_THAT(finding.fixes, Contains(HasSubstr(fixes)));
    EXPECT_FALSE(diagnosis_.can_hold());
  }
  void expect_warning(std::string_view subject, const std::string& fixes) {
    const Finding& finding = about(subject);
    EXPECT_EQ(finding.verdict, Verdict::warning) << finding.text;
    EXPECT_THAT(finding.fixes, Contains(HasSubstr(fixes)));
    EXPECT_TRUE(diagnosis_.can_hold());
  }

  uint64_t connections_ = 1'000'000;
  config::Options options_;
  DoctorFacts facts_ = tuned();
  Diagnosis diagnosis_;
};

TEST_F(Doctor, ATunedMachineHoldsAMillion) {
  const Diagnosis diagnosis = diagnose(connections_, options_, facts_);
  EXPECT_TRUE(diagnosis.can_hold());
  for (const Finding& finding : diagnosis.findings) {
    EXPECT_EQ(finding.verdict, Verdict::ok) << finding.subject << ": " << finding.text;
    EXPECT_THAT(finding.fixes, IsEmpty()) << finding.subject;
  }
  EXPECT_THAT(diagnosis.to_string(), HasSubstr("1,000,000 connections on 2 reactors"));
  EXPECT_THAT(diagnosis.to_string(), HasSubstr("\nYes.\n"));
}

TEST_F(Doctor, OpenFilesAreCountedPerReactor) {
  facts_.machine.descriptors = 20'000;
  connections_ = 30'000;
  EXPECT_EQ(about("open files").verdict, Verdict::ok);
  options_.reactors = 1;
  expect_problem("open files", "LimitNOFILE=32000");
  EXPECT_THAT(about("open files").fixes, Contains(HasSubstr("--reactors 2")));
}

TEST_F(Doctor, NrOpenIsRaisedFirstWhereItStandsInTheWay) {
  options_.reactors = 1;
  facts_.nr_open = 1'048'576;
  expect_problem("open files", "sysctl -w fs.nr_open=1100000");
  facts_.nr_open = 2'000'000;
  EXPECT_THAT(about("open files").fixes, Not(Contains(HasSubstr("fs.nr_open"))));
}

TEST_F(Doctor, WhatTheServerKeepsFreeIsPartOfTheNeed) {
  // What session_options() admits with that limit is what was asked for.
  for (const uint64_t connections : {100ull, 20'000ull, 1'000'000ull}) {
    Machine machine;
    machine.descriptors = descriptors_needed(connections, 1);
    config::Options options;
    options.reactors = 1;
    EXPECT_GE(session_options(options, machine).connections_max, connections);
    machine.descriptors -= machine.descriptors / 50 + 1;
    EXPECT_LT(session_options(options, machine).connections_max, connections);
  }
  EXPECT_GT(descriptors_needed(100'000, 2), descriptors_needed(50'000, 1)) << "the hash does not share out evenly";
}

TEST_F(Doctor, FileMaxCountsWhatIsOpenAlready) {
  facts_.file_max = 1'000'500;
  expect_problem("fs.file-max", "sysctl -w fs.file-max=2000000");
}

TEST_F(Doctor, MemoryThatIsNotThereSaysHowManyFit) {
  facts_.memory_available = 3 * kGiB;
  expect_problem("memory", "connections fit");
}

TEST_F(Doctor, MemoryGrowsByTheFigureOfTheEngine) {
  const MemoryNeed none = memory_needed(0, 2, true, options_), uring = memory_needed(1'000'000, 2, true, options_),
                   epoll = memory_needed(1'000'000, 2, false, options_);
  EXPECT_EQ(uring.user - none.user, 480'000'000u);
  EXPECT_EQ(uring.kernel - none.kernel, 5'170'000'000u);
  EXPECT_EQ(epoll.kernel, 4'540'000'000u);
}

TEST_F(Doctor, MemoryCountsTlsWhereItIsSpoken) {
  const MemoryNeed plain = memory_needed(1'000'000, 2, true, options_);
  EXPECT_EQ(about("memory").verdict, Verdict::ok);
  facts_.memory_available = 15 * kGiB;
  options_.history_total_size_max = options_.slow_readers_size_max = 1 << 20;
  EXPECT_EQ(about("memory").verdict, Verdict::ok);
  options_.tls_listen = {"*:443"};
  const MemoryNeed secure = memory_needed(1'000'000, 2, true, options_);
  EXPECT_EQ(secure.user - plain.user, 15'000'000'000u);
  EXPECT_EQ(secure.kernel, plain.kernel);
  expect_problem("memory", "connections fit");
  EXPECT_THAT(about("memory").text, HasSubstr("if all of them speak TLS"));
}

TEST_F(Doctor, HistoryAndSlowReadersAreAWarning) {
  facts_.memory_available = 12 * kGiB;
  expect_warning("memory", "--history-total-size-max");
  options_.history_total_size_max = kGiB;
  options_.slow_readers_size_max = kGiB;
  EXPECT_EQ(about("memory").verdict, Verdict::ok);
}

TEST_F(Doctor, ConntrackIsAProblemOnlyWhereItTracks) {
  facts_.conntrack_max = 262'144;
  expect_problem("conntrack", "sysctl -w net.netfilter.nf_conntrack_max=1100000");
  EXPECT_THAT(about("conntrack").fixes, Contains(HasSubstr("notrack.nft")));
  facts_.conntrack_entries = 0;
  expect_warning("conntrack", "sysctl -w net.netfilter.nf_conntrack_max=");
  facts_.conntrack_max = 0;  // the kernel takes it for "no limit"
  EXPECT_EQ(about("conntrack").verdict, Verdict::ok);
  facts_.conntrack_max.reset();
  EXPECT_EQ(about("conntrack").verdict, Verdict::ok);
}

TEST_F(Doctor, QueuesShorterThanTheBacklogAreAWarning) {
  facts_.somaxconn = 128;
  expect_warning("net.core.somaxconn", "sysctl -w net.core.somaxconn=65535");
  facts_.syn_backlog = 128;
  expect_warning("net.ipv4.tcp_max_syn_backlog", "sysctl -w net.ipv4.tcp_max_syn_backlog=65535");
}

TEST_F(Doctor, TcpMemoryBelowAPageEachIsAWarning) {
  facts_.tcp_pages_max = 500'000;
  expect_warning("net.ipv4.tcp_mem", "tools/tune apply");
}

TEST_F(Doctor, ASendBufferThatTheKernelCutsIsAWarning) {
  facts_.wmem_max = 65'536;
  expect_warning("net.core.wmem_max", "sysctl -w net.core.wmem_max=131072");
}

TEST_F(Doctor, WithoutUringItRunsOnEpollUnlessForbidden) {
  facts_.uring = {false, "io_uring_setup: Operation not permitted", ""};
  facts_.uring_disabled = 2;
  expect_warning("engine", "sysctl -w kernel.io_uring_disabled=0");
  facts_.uring_disabled = 0;
  expect_warning("engine", "seccomp=packaging/seccomp.json");
  options_.io = io::Engine::uring;
  expect_problem("engine", "--io auto");
  options_.io = io::Engine::epoll;
  EXPECT_EQ(about("engine").verdict, Verdict::ok);
}

TEST_F(Doctor, AContainerThatRefusesDescriptorTablesIsAProblem) {
  facts_.table_refused = "Operation not permitted";
  facts_.machine.descriptors = 1024;
  expect_problem("descriptor tables", "seccomp=packaging/seccomp.json");
}

TEST_F(Doctor, ASettingBelowTheNumberIsAProblem) {
  options_.connections_max = 5'000;
  expect_problem("connections_max", "--connections-max 1000000");
}

TEST_F(Doctor, ProblemsAndWarningsAreCounted) {
  facts_.file_max = 1'000;
  facts_.somaxconn = 128;
  EXPECT_THAT(diagnose(connections_, options_, facts_).to_string(), HasSubstr("\nNo: 1 problem, with 1 warning.\n"));
}

class Facts : public testing::Test {
 protected:
  ~Facts() override { std::filesystem::remove_all(root_); }
  void file(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  const std::string root_ = testing::TempDir() + "doctor_test." + std::to_string(::getpid());
};

TEST_F(Facts, AreReadFromTheKernelsFiles) {
  file("/proc/sys/fs/nr_open", "1048576\n");
  file("/proc/sys/fs/file-nr", "1234\t0\t9223372036854775807\n");
  file("/proc/sys/fs/file-max", "9223372036854775807\n");
  file("/proc/sys/net/ipv4/tcp_mem", "100\t200\t300\n");
  file("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
  file("/proc/meminfo", "MemTotal: 2000 kB\nMemFree: 1 kB\nHugePages_Total: 0\nMemAvailable: 1000 kB\n");
  const DoctorFacts facts = DoctorFacts::here(root_);
  EXPECT_EQ(facts.nr_open, 1'048'576u);
  EXPECT_EQ(facts.files_open, 1'234u);
  EXPECT_EQ(facts.file_max, 9'223'372'036'854'775'807u);
  EXPECT_EQ(facts.tcp_pages_max, 300u);
  EXPECT_EQ(facts.conntrack_max, 262'144u);
  EXPECT_FALSE(facts.conntrack_entries);
  EXPECT_FALSE(facts.somaxconn) << "what the kernel does not show is unknown, not 0";
  EXPECT_EQ(facts.memory_available, 1'024'000u);
  EXPECT_GT(facts.machine.descriptors, 0u);
}

TEST_F(Facts, ACgroupWithLessLeftDecides) {
  file("/proc/meminfo", "MemAvailable: 1000 kB\n");
  file("/sys/fs/cgroup/memory.current", "300000\n");
  file("/sys/fs/cgroup/memory.max", "500000\n");
  EXPECT_EQ(DoctorFacts::here(root_).memory_available, 200'000u);
  file("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(DoctorFacts::here(root_).memory_available, 1'024'000u);
}

class Command : public testing::Test {
 protected:
  int run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"ringcast", "doctor"});
    const char* const environment[] = {nullptr};
    std::FILE* out = std::tmpfile();
    std::FILE* err = std::tmpfile();
    const int status = run_doctor(static_cast<int>(arguments.size()), arguments.data(), environment, out, err);
    out_ = text_of(out);
    err_ = text_of(err);
    return status;
  }
  std::string out_, err_;

 private:
  static std::string text_of(std::FILE* file) {
    std::string text;
    std::rewind(file);
    for (int c; (c = std::fgetc(file)) != EOF;) text.push_back(static_cast<char>(c));
    std::fclose(file);
    return text;
  }
};

TEST_F(Command, AHandfulFitsAndABillionDoesNot) {
  EXPECT_EQ(run({"--connections", "1", "--io", "epoll", "--reactors", "1"}), 0) << out_;
  EXPECT_THAT(out_, HasSubstr("1 connection on 1 reactor?"));
  EXPECT_EQ(run({"--connections=1000000000"}), 1);
  EXPECT_THAT(out_, HasSubstr("No: "));
}

TEST_F(Command, WrongArgumentsAreNamed) {
  EXPECT_EQ(run({}), 2);
  EXPECT_THAT(err_, HasSubstr("--connections N"));
  for (const char* bad : {"0", "-1", "many", "12x", "1000000001", ""}) {
    EXPECT_EQ(run({"--connections", bad}), 2) << bad;
    EXPECT_THAT(err_, HasSubstr("whole number"));
  }
  EXPECT_EQ(run({"--connections"}), 2);
  EXPECT_EQ(run({"--connections", "5", "--reactorz", "2"}), 2);
  EXPECT_THAT(err_, HasSubstr("--reactors"));
  EXPECT_THAT(out_, IsEmpty());
}

TEST_F(Command, HelpIsNotAFailure) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("Changes nothing"));
}

}  // namespace
}  // namespace ringcast::app
