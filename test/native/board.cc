// Boards: verdicts noted and taken back by several threads while another believes them as JavaScript does.
#include "board.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <bitset>
#include <iterator>
#include <random>

#include "check.h"

using nofault::Board;

namespace {

constexpr int32_t kSoon = nofault::kOldest / 2, kLate = nofault::kOldest * 3;

bool has(const Board& board, uint64_t page) { return (board.word(page / 32) >> (page % 32) & 1) != 0; }

// Pages of any stretch are noted and taken as a set of numbers would be.
void holdsWhatIsNotedAndNotTaken() {
  Board board;
  std::bitset<Board::kPages> model;
  std::mt19937 random(1);
  for (int step = 0; step < 3000; ++step) {
    const uint64_t first = random() % Board::kPages;
    const uint64_t count = std::min<uint64_t>(1 + random() % (step % 10 == 0 ? 2000 : 70), Board::kPages - first);
    const bool noted = random() % 2 == 0;
    if (noted)
      board.note(first, count, 1000);
    else
      board.take(first, count);
    for (uint64_t page = first; page < first + count; ++page) model[page] = noted;
  }
  for (uint64_t page = 0; page < Board::kPages; ++page) CHECK(has(board, page) == model[page]);
}

void isAsOldAsItsOldestVerdict() {
  Board board;
  board.note(3, 1, 1000);
  board.note(4, 1, 1000 + kSoon);
  CHECK(board.memory.asOf.load() == 1000);
  board.note(5, 1, 1000 - kSoon);
  CHECK(board.memory.asOf.load() == 1000 - kSoon && has(board, 3) && has(board, 4) && has(board, 5));
}

void isClearedBeforeItBecomesYoungAgain() {
  Board board;
  board.note(3, 100, 1000);
  board.note(200, 1, 1000 + kLate);
  CHECK(board.memory.asOf.load() == 1000 + kLate && !has(board, 3) && !has(board, 102) && has(board, 200));
  // The clock wraps around.
  Board wrapping;
  wrapping.note(1, 1, INT32_MAX - 3);
  wrapping.note(2, 1, INT32_MIN + 3);
  CHECK(has(wrapping, 1) && has(wrapping, 2));
  wrapping.note(3, 1, INT32_MIN + 3 + kLate);
  CHECK(!has(wrapping, 1) && !has(wrapping, 2) && has(wrapping, 3));
}

// In each round the board has expired, and only pages of that round are noted. Whoever reads the stamp and then the
// bits, and finds the stamp unchanged, must see none of an earlier round.
void neverShowsAnOldVerdictUnderANewStamp() {
  constexpr unsigned kNoters = 3;
  constexpr int32_t kRounds = 200, kPagesARound = 64, kCycle = Board::kPages / kPagesARound;
  Board board;
  std::atomic<bool> over{false};
  std::barrier round(kNoters);
  onThreads(kNoters + 2, [&](unsigned thread) {
    if (thread < kNoters) {
      for (int32_t i = 1; i <= kRounds; ++i) {
        round.arrive_and_wait();
        const auto first = static_cast<uint64_t>(i % kCycle) * kPagesARound;
        for (uint64_t page = thread; page < kPagesARound; page += kNoters) board.note(first + page, 1, i * kLate);
        board.take(first + thread, 1);
        round.arrive_and_wait();
      }
      over = true;
      return;
    }
    while (!over) {
      const int32_t stamp = board.memory.asOf.load();
      uint32_t words[Board::kPages / 32];
      for (size_t i = 0; i < std::size(words); ++i) words[i] = board.memory.words[i].load();
      if (stamp != board.memory.asOf.load()) continue;
      const auto now = static_cast<size_t>(stamp / kLate % kCycle) * kPagesARound / 32;
      for (size_t i = 0; i < std::size(words); ++i) CHECK(words[i] == 0 || i == now || i == now + 1);
    }
  });
}

}  // namespace

int main() {
  holdsWhatIsNotedAndNotTaken();
  isAsOldAsItsOldestVerdict();
  isClearedBeforeItBecomesYoungAgain();
  neverShowsAnOldVerdictUnderANewStamp();
}
