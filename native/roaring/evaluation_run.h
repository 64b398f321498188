// A step of an evaluation that is under way: where its ranges lie, and what of them is being fetched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "evaluation.h"

namespace nofault::roaring {

class Evaluation::Run : public Recipient, public std::enable_shared_from_this<Run> {
 public:
  Run(std::shared_ptr<Evaluation> evaluation, std::shared_ptr<Execution> execution, size_t number, bool placed)
      : execution(std::move(execution)), number(number), placed(placed), evaluation_(std::move(evaluation)) {}

  void arrived(const std::vector<Completion>& completions) override;
  std::optional<Copy> copyOf(uint32_t range) const override;
  // These of its ranges are copied when they have been fetched.
  void copy(const std::vector<std::vector<Entry>>& missing);

  const std::shared_ptr<Execution> execution;
  const size_t number;
  const bool placed;  // has a place in the room
  // Where its ranges lie, and in which windows.
  std::vector<const uint8_t*> places;
  std::vector<std::shared_ptr<Window>> windows;
  // Where those lie that are copied; null where all are mapped.
  std::unique_ptr<uint8_t[]> memory;
  // Under the evaluation's lock: what is being fetched.
  std::vector<std::shared_ptr<Request>> requests;
  std::vector<size_t> missing;  // by source

 private:
  const std::shared_ptr<Evaluation> evaluation_;
};

}  // namespace nofault::roaring
