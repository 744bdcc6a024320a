// SPDX-License-Identifier: Apache-2.0
#include "base/free_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringcast {
namespace {

struct Object {
  static inline int alive = 0;
  Object() { ++alive; }
  Object(const Object&) = delete;
  ~Object() { --alive; }
  Object* next = nullptr;
};
using Objects = FreeList<Object, &Object::next>;

std::vector<Object*> take(Objects& list, size_t count) {
  std::vector<Object*> taken;
  for (size_t i = 0; i < count; ++i) taken.push_back(list.take());
  return taken;
}
void give_back(Objects& list, const std::vector<Object*>& objects) {
  for (Object* const object : objects) list.give_back(object);
}

TEST(FreeList, TheNewestComesFirstAndAsNew) {
  Objects list;
  Object* const first = list.take();
  Object* const second = list.take();
  list.give_back(first);
  list.give_back(second);
  EXPECT_EQ(list.take(), second);
  EXPECT_EQ(second->next, nullptr);
  EXPECT_EQ(list.take(), first);
  EXPECT_EQ(first->next, nullptr);
  give_back(list, {first, second});
}

TEST(FreeList, KeepsNoMoreThanItMay) {
  Objects list(3);
  give_back(list, take(list, 5));
  EXPECT_EQ(list.kept(), 3u);
  EXPECT_EQ(Object::alive, 3);
}

TEST(FreeList, TrimGivesBackWhatWasNotNeededSince) {
  {
    Objects list;
    give_back(list, take(list, 100));
    list.trim();  // they have only just come
    EXPECT_EQ(list.kept(), 100u);
    give_back(list, take(list, 30));
    list.trim();
    EXPECT_EQ(list.kept(), 30u);
    const std::vector<Object*> out = take(list, 40);  // ten new ones
    list.trim();
    EXPECT_EQ(Object::alive, 40);
    give_back(list, out);
    list.trim();
    EXPECT_EQ(list.kept(), 40u);
    list.trim();
    EXPECT_EQ(list.kept(), 0u);
    EXPECT_EQ(Object::alive, 0);
    give_back(list, take(list, 2));
  }
  EXPECT_EQ(Object::alive, 0);
}

}  // namespace
}  // namespace ringcast
