// SPDX-License-Identifier: Apache-2.0
#include "inlets/nats_connection.h"

#include <cstdlib>
#include <utility>
#include <vector>

namespace ringcast::inlets {

namespace {

constexpr int64_t kConnectMs = 2000, kPingMs = 5000, kWriteMs = 5000, kReconnectMs = 500;
constexpr int kPingsOut = 2;

// What is wrong shows by the connection's state; without this the library writes to the standard error output.
void ignore_error(natsConnection*, natsSubscription*, natsStatus, void*) {}

}  // namespace

std::string nats_error(natsStatus status) {
  const char* last = nats_GetLastError(nullptr);
  std::string out = natsStatus_GetText(status);
  if (last != nullptr && *last != '\0' && out != last) out += std::string(": ") + last;
  return out;
}

Result<Nats<natsConnection>> connect_nats(const InletOptions& options, const Address& address, bool reconnects) {
  natsOptions* made = nullptr;
  natsStatus status = natsOptions_Create(&made);
  const Nats<natsOptions> settings(made);
  const auto set = [&](natsStatus next) {
    if (status == NATS_OK) status = next;
    return status == NATS_OK;
  };
  std::vector<std::string> urls;
  for (const std::string& server : address.servers) urls.push_back((address.tls ? "tls://" : "nats://") + server);
  std::vector<const char*> servers;
  for (const std::string& url : urls) servers.push_back(url.c_str());
  const std::string name = "ringcast:" + options.name;
  if (status == NATS_OK) {
    set(natsOptions_SetServers(made, servers.data(), static_cast<int>(servers.size())));
    set(natsOptions_SetName(made, name.c_str()));
    set(natsOptions_SetTimeout(made, kConnectMs));
    set(natsOptions_SetPingInterval(made, kPingMs));
    set(natsOptions_SetMaxPingsOut(made, kPingsOut));
    set(natsOptions_SetWriteDeadline(made, kWriteMs));
    set(natsOptions_SetErrorHandler(made, &ignore_error, nullptr));
    set(natsOptions_SetAllowReconnect(made, reconnects));
    if (reconnects) {
      set(natsOptions_SetMaxReconnect(made, -1));
      set(natsOptions_SetReconnectWait(made, kReconnectMs));
    }
    if (address.tls) set(natsOptions_SetSecure(made, true));
    if (!options.ca_file.empty()) set(natsOptions_LoadCATrustedCertificates(made, options.ca_file.c_str()));
    if (!options.certificate_file.empty())
      set(natsOptions_LoadCertificatesChain(made, options.certificate_file.c_str(), options.key_file.c_str()));
    if (!address.user.empty()) set(natsOptions_SetUserInfo(made, address.user.c_str(), address.password.c_str()));
    if (!address.token.empty()) set(natsOptions_SetToken(made, address.token.c_str()));
    if (!options.credentials_file.empty())
      set(natsOptions_SetUserCredentialsFromFiles(made, options.credentials_file.c_str(), nullptr));
  }
  natsConnection* connection = nullptr;
  if (status == NATS_OK) set(natsConnection_Connect(&connection, made));
  if (status != NATS_OK) return fail("nats", nats_error(status));
  return Nats<natsConnection>(connection);
}

Parcel parcel_of(natsMsg* message) {
  Parcel out;
  out.channel = natsMsg_GetSubject(message);
  out.body.assign(natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message)));
  const char** names = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message, &names, &count) != NATS_OK) return out;
  for (int i = 0; i < count; ++i) {
    const char* value = nullptr;
    if (natsMsgHeader_Get(message, names[i], &value) == NATS_OK) out.fields.emplace_back(names[i], value);
  }
  // The library has it from malloc().
  std::free(static_cast<void*>(names));
  return out;
}

}  // namespace ringcast::inlets
