// Sizes that stand for others near them: what is made for one takes long, or has to be whole multiples.

#pragma once

#include <algorithm>
#include <cstdint>

namespace drbert {

inline int64_t rounded_up(int64_t number, int64_t multiple) { return (number + multiple - 1) / multiple * multiple; }

inline int64_t next_power_of_two(int64_t number) {
    int64_t power = 1;
    while (power < number) {
        power *= 2;
    }
    return power;
}

// Sizes differ by at least a sixteenth of their next power of two.
inline int64_t coarse_size(int64_t size) { return rounded_up(size, std::max<int64_t>(next_power_of_two(size) / 16, 1)); }

}  // namespace drbert
