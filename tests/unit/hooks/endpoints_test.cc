// SPDX-License-Identifier: Apache-2.0
#include "hooks/endpoints.h"

#include <gtest/gtest.h>

namespace ringcast::hooks {
namespace {

Events events(std::initializer_list<Event> list) {
  Events bits = 0;
  for (const Event event : list) bits |= static_cast<Events>(event);
  return bits;
}

TEST(Endpoints, EventsHaveNames) {
  for (const Event event : {Event::connect, Event::disconnect, Event::join, Event::leave, Event::occupied,
                            Event::vacated, Event::publish}) {
    EXPECT_EQ(event_from(to_string(event)), event);
    EXPECT_NE(kEventNames.find(to_string(event)), std::string_view::npos);
  }
  EXPECT_EQ(event_from("joined"), std::nullopt);
  EXPECT_EQ(event_from(""), std::nullopt);
}

TEST(Endpoints, NotificationsGoToAllAndDecisionsToTheFirst) {
  EndpointOptions one, two;
  one.events = events({Event::join, Event::publish});
  one.rooms = {"chat/*"};
  two.events = events({Event::join, Event::publish, Event::connect});
  const Endpoints endpoints({one, two});
  EXPECT_EQ(endpoints.wanted(Event::join, "chat/a"), 3u);
  EXPECT_EQ(endpoints.wanted(Event::join, "other"), 2u);
  EXPECT_EQ(endpoints.wanted(Event::publish, "chat/a"), 1u);
  EXPECT_EQ(endpoints.wanted(Event::publish, "other"), 2u);
  EXPECT_EQ(endpoints.wanted(Event::leave, "chat/a"), 0u);
  EXPECT_TRUE(endpoints.wants(Event::join));
  EXPECT_FALSE(endpoints.wants(Event::leave));
}

TEST(Endpoints, PatternsSayNothingAboutConnections) {
  EndpointOptions one;
  one.events = events({Event::connect, Event::disconnect});
  one.rooms = {"chat/*"};
  EXPECT_EQ(Endpoints({one}).wanted(Event::connect, ""), 1u);
  EXPECT_EQ(Endpoints({one}).wanted(Event::disconnect, ""), 1u);
}

TEST(Endpoints, UrlsAreOfHttp) {
  for (const std::string_view good :
       {"http://localhost", "https://a.example/x?y=z", "http://u:p@h:8080/", "http://[::1]:80/"})
    EXPECT_TRUE(check_url(good)) << good;
  for (const std::string_view bad : {"", "localhost", "ftp://a", "http://", "https:///x", "http://:80/", "http://u@/",
                                     "http://a b", "http://a\n", "file:///etc/passwd"})
    EXPECT_FALSE(check_url(bad)) << bad;
}

TEST(Endpoints, WhatIsSecretInAUrlIsNotShown) {
  EXPECT_EQ(shown_url("https://user:word@host.example:8443/hook/a?key=k#f"), "https://host.example:8443/hook/a");
  EXPECT_EQ(shown_url("http://host"), "http://host");
}

}  // namespace
}  // namespace ringcast::hooks
