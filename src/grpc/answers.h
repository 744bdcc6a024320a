// SPDX-License-Identifier: Apache-2.0
// Answers of the REST API as messages of proto/: each appends the message that the JSON says. Pure functions; any
// thread.
#pragma once

#include <string>
#include <string_view>

namespace ringcast::grpc {

void answer_publish(std::string& out, std::string_view json);
void answer_batch(std::string& out, std::string_view json);
void answer_push(std::string& out, std::string_view json);
void answer_rooms(std::string& out, std::string_view json);
void answer_members(std::string& out, std::string_view json);
void answer_history(std::string& out, std::string_view json);
void answer_purge(std::string& out, std::string_view json);
void answer_close_room(std::string& out, std::string_view json);
void answer_remove_member(std::string& out, std::string_view json);
void answer_users(std::string& out, std::string_view json);
void answer_user(std::string& out, std::string_view json);
void answer_disconnect_user(std::string& out, std::string_view json);
void answer_connections(std::string& out, std::string_view json);
void answer_disconnect(std::string& out, std::string_view json);
void answer_revoke_user(std::string& out, std::string_view json);
void answer_revoke_token(std::string& out, std::string_view json);
void answer_stats(std::string& out, std::string_view json);

}  // namespace ringcast::grpc
