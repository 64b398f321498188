// What event loops and threads leave for each other without a lock: whoever holds one may lose its processor, and an
// event loop that waited for it would stand still for milliseconds.
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

namespace nofault {

// Many leave something, some take all of it.
template <class T>
class Mailbox {
 public:
  Mailbox() = default;
  ~Mailbox() { take(); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void post(T value) {
    auto* letter = new Letter{std::move(value), letters_.load()};
    while (!letters_.compare_exchange_weak(letter->before, letter)) {
    }
  }

  bool empty() const { return letters_.load() == nullptr; }

  // In the order in which they were left.
  std::vector<T> take() {
    Letter* last = letters_.exchange(nullptr);
    Letter* first = nullptr;
    size_t count = 0;
    for (; last != nullptr; ++count) first = std::exchange(last, std::exchange(last->before, first));
    std::vector<T> values;
    values.reserve(count);
    while (first != nullptr) {
      const std::unique_ptr<Letter> letter(first);
      values.push_back(std::move(letter->value));
      first = letter->before;
    }
    return values;
  }

 private:
  struct Letter {
    T value;
    Letter* before;
  };

  std::atomic<Letter*> letters_{nullptr};
};

}  // namespace nofault
