// Threads that sleep at seats and are woken, just before or while they fall asleep or in vain.
#include "seat.h"

#include "check.h"

using namespace nofault;

int main() {
  using std::chrono::milliseconds;
  Seat alone;
  CHECK(!alone.sleepUntil(Seat::Clock::now() - milliseconds(1)));
  const auto soon = Seat::Clock::now() + milliseconds(20);
  CHECK(!alone.sleepUntil(soon) && Seat::Clock::now() >= soon);
  // Woken twice before it sleeps: it does not sleep, once.
  alone.wake();
  alone.wake();
  CHECK(alone.sleepUntil(Seat::Clock::now()));
  CHECK(!alone.sleepUntil(Seat::Clock::now() + milliseconds(1)));

  // What one writes before it wakes the other, the other sees: each in turn.
  constexpr int kRounds = 20'000;
  Seat seats[2];
  int turn = 0;
  onThreads(2, [&](unsigned thread) {
    for (int round = 0; round < kRounds; ++round) {
      if (thread == 1 || round > 0) {
        if (round % 3 == 0) {
          while (!seats[thread].sleepUntil(Seat::Clock::now() + std::chrono::microseconds(5))) {
          }
        } else {
          seats[thread].sleep();
        }
      }
      CHECK(turn++ == 2 * round + static_cast<int>(thread));
      seats[1 - thread].wake();
    }
  });
  CHECK(turn == 2 * kRounds);
}
