// What hopper_attention.cu computes, for the CPU: by the same items and with the same statistics, in plain loops, as the CPU has nothing like the instructions that file is made of.

#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "device.cuh"

namespace drbert {
namespace {

constexpr float kAttentionScale = 0.125f;
static_assert(kAttentionScale * kAttentionScale * kAttentionHead == 1.0f);
constexpr float kLog2OfE = 1.44269504f;

// A head of one row, in fp32.
struct HeadRow {
    float values[kAttentionHead] = {};

    template <typename T>
    static HeadRow load(const void* rows, int64_t offset) {
        HeadRow result;
        for (int i = 0; i < kAttentionHead; ++i) {
            result.values[i] = static_cast<float>(static_cast<const T*>(rows)[offset + i]);
        }
        return result;
    }

    template <typename T>
    void store(void* rows, int64_t offset, float factor) const {
        for (int i = 0; i < kAttentionHead; ++i) {
            static_cast<T*>(rows)[offset + i] = static_cast<T>(values[i] * factor);
        }
    }

    void add(const HeadRow& other, float factor) {
        for (int i = 0; i < kAttentionHead; ++i) {
            values[i] += other.values[i] * factor;
        }
    }

    float dot(const HeadRow& other) const {
        float sum = 0.0f;
        for (int i = 0; i < kAttentionHead; ++i) {
            sum += values[i] * other.values[i];
        }
        return sum;
    }
};

// Where the heads of rows are.
template <typename T>
struct AttentionRows {
    const Attention& work;

    int64_t query(int64_t row, int64_t head) const { return row * work.query_row + head * kAttentionHead; }
    int64_t key(int64_t row, int64_t head) const { return row * work.key_row + head * kAttentionHead; }
    int64_t value(int64_t row, int64_t head) const { return key(row, work.heads + head); }
    int64_t output(int64_t row, int64_t head) const { return (row * work.heads + head) * kAttentionHead; }

    // To base 2.
    float score(const HeadRow& query_head, int64_t key_row, int64_t head) const {
        return query_head.dot(HeadRow::load<T>(work.key, key(key_row, head))) * (kAttentionScale * kLog2OfE);
    }
};

// Calls `body` with every item, every head, and every row of the item.
template <typename Body>
void for_each_row(const AttentionItem* items, int32_t count, int64_t heads, Body&& body) {
    for (int32_t i = 0; i < count; ++i) {
        const int32_t end = items[i].row + kItemRows < items[i].row_end ? items[i].row + kItemRows : items[i].row_end;
        for (int64_t head = 0; head < heads; ++head) {
            for (int32_t row = items[i].row; row < end; ++row) {
                body(items[i], head, row);
            }
        }
    }
}

const char* emulate_attention(const Attention& work, void*) {
    return with_type(work.type, [&](auto number) -> const char* {
        using T = decltype(number);
        const AttentionRows<T> rows{work};
        for_each_row(work.query_items, work.counts[0], work.heads, [&](const AttentionItem& item, int64_t head, int32_t row) {
            const HeadRow query = HeadRow::load<T>(work.query, rows.query(row, head));
            std::vector<float> scores;
            for (int32_t other = item.other; other < item.other_end; ++other) {
                scores.push_back(rows.score(query, other, head));
            }
            float maximum = -INFINITY, sum = 0.0f;
            for (const float score : scores) {
                maximum = fmaxf(maximum, score);
            }
            HeadRow output;
            for (int32_t other = item.other; other < item.other_end; ++other) {
                const float weight = exp2f(scores[static_cast<size_t>(other - item.other)] - maximum);
                sum += weight;
                output.add(HeadRow::load<T>(work.key, rows.value(other, head)), weight);
            }
            output.store<T>(work.output, rows.output(row, head), 1.0f / sum);
            work.log_sums[row * work.heads + head] = maximum + log2f(sum);
        });
        return nullptr;
    });
}

const char* emulate_attention_backward(const AttentionBackward& work, void*) {
    const Attention& forward = work.forward;
    return with_type(forward.type, [&](auto number) -> const char* {
        using T = decltype(number);
        const AttentionRows<T> rows{forward};
        // A query's logarithm of its weights' sum, and how much of its output's gradient its output has.
        const auto statistics = [&](const AttentionItem& item, int64_t head, int64_t query) {
            return work.statistics + ((head * work.blocks + item.block) * kAttentionBlock + query) * 2;
        };
        for_each_row(forward.query_items, forward.counts[0], forward.heads, [&](const AttentionItem& item, int64_t head, int32_t row) {
            const HeadRow query = HeadRow::load<T>(forward.query, rows.query(row, head)), gradient = HeadRow::load<T>(work.output_gradient, rows.output(row, head));
            const float log_sum = forward.log_sums[row * forward.heads + head], delta = gradient.dot(HeadRow::load<T>(forward.output, rows.output(row, head)));
            float* const kept = statistics(item, head, row - item.row);
            kept[0] = log_sum, kept[1] = delta;
            HeadRow result;
            for (int32_t other = item.other; other < item.other_end; ++other) {
                const float weight = exp2f(rows.score(query, other, head) - log_sum);
                const float score_gradient = weight * (gradient.dot(HeadRow::load<T>(forward.key, rows.value(other, head))) - delta);
                result.add(HeadRow::load<T>(forward.key, rows.key(other, head)), score_gradient);
            }
            result.store<T>(work.query_gradient, rows.query(row, head), kAttentionScale);
        });
        for_each_row(forward.key_items, forward.counts[1], forward.heads, [&](const AttentionItem& item, int64_t head, int32_t row) {
            const HeadRow value = HeadRow::load<T>(forward.key, rows.value(row, head));
            HeadRow key_result, value_result;
            for (int32_t other = item.other; other < item.other_end; ++other) {
                const HeadRow query = HeadRow::load<T>(forward.query, rows.query(other, head)), gradient = HeadRow::load<T>(work.output_gradient, rows.output(other, head));
                const float* const kept = statistics(item, head, other - item.other);
                const float weight = exp2f(rows.score(query, row, head) - kept[0]);
                value_result.add(gradient, weight);
                key_result.add(query, weight * (gradient.dot(value) - kept[1]));
            }
            key_result.store<T>(work.key_gradient, rows.key(row, head), kAttentionScale);
            value_result.store<T>(work.key_gradient, rows.value(row, head), 1.0f);
        });
        return nullptr;
    });
}

}  // namespace
}  // namespace drbert
