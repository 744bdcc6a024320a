// SPDX-License-Identifier: Apache-2.0
// How questions and their answers are laid out in mail between members of a mesh. Pure functions; any thread.
#pragma once

#include "hub/protocol.h"
#include "hub/types.h"

namespace ringcast::hub {

void write_query(RecordWriter& out, const Query& query);
Query read_query(RecordReader& record);  // views of what is read

// An answer is a mail whose payload is what write_answer() writes, with answer_mail() as the rest of it.
void write_answer(RecordWriter& out, const Answer& answer);
Mail answer_mail(const Answer& answer, uint64_t gather);
// Adds a part to what has come of the others.
void add_answer(const Mail& mail, Answer& answer);

// Rows of all parts: in order, those of one name as one, no more than the limit.
void finish_rows(Answer& answer, uint32_t limit);

}  // namespace ringcast::hub
