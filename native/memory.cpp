#include "memory.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace playthrough {

void MemoryMap::add(const retro_memory_descriptor& descriptor) {
    if (descriptor.flags & RETRO_MEMDESC_CONST) return;
    uint64_t size = descriptor.len;
    if (descriptor.select != 0) {
        // The bits below the lowest selected one that the start does not fix: the size of the region.
        size = ((~uint64_t(descriptor.select) & ~uint64_t(descriptor.start)) + 1) & descriptor.select;
        if (descriptor.len != 0 && descriptor.len < size) size = descriptor.len;
    }
    if (size == 0 || size > (uint64_t(1) << 32)) return;
    add(descriptor.start, static_cast<uint8_t*>(descriptor.ptr), size);
}

void MemoryMap::add(uint64_t start, uint8_t* data, size_t size) {
    if (data == nullptr) {
        owned_.emplace_back(size, 0);
        data = owned_.back().data();
    }
    const auto place = std::lower_bound(blocks_.begin(), blocks_.end(), start,
                                        [](const MemoryBlock& block, uint64_t value) { return block.start < value; });
    if (place != blocks_.end() && place->start == start) {
        *place = {start, data, size};
    } else {
        blocks_.insert(place, {start, data, size});
    }
}

void MemoryMap::clear(uint64_t first, uint64_t last) {
    for (const auto& block : blocks_) {
        const uint64_t begin = std::max(block.start, first), end = std::min(block.start + block.size, last + 1);
        if (begin < end) std::memset(block.data + (begin - block.start), 0, end - begin);
    }
}

size_t MemoryMap::size_bytes() const {
    size_t size = 0;
    for (const auto& block : blocks_) size += block.size;
    return size;
}

void MemoryMap::copy_to(uint8_t* out) const {
    for (const auto& block : blocks_) {
        std::memcpy(out, block.data, block.size);
        out += block.size;
    }
}

uint8_t* MemoryMap::at(uint64_t address) const {
    for (const auto& block : blocks_) {
        if (address < block.start) break;
        const uint64_t offset = address - block.start;
        if (offset >= block.size) continue;
        return block.data + (swap_bytes_ ? std::min<uint64_t>(offset ^ 1, block.size - 1) : offset);
    }
    throw MemoryError("address " + std::to_string(address) + " is not mapped");
}

ResolvedProbe::ResolvedProbe(const Probe& probe, const MemoryMap& memory)
    : mask_(probe.mask), width_(probe.width), format_(probe.format) {
    for (unsigned i = 0; i < width_; ++i) bytes_[i] = memory.at(probe.address + probe.offsets[i]);
}

int64_t ResolvedProbe::read() const {
    uint64_t value = 0;
    switch (format_) {
        case 'd':
            for (unsigned i = 0; i < width_; ++i)
                value = value * 100 + (*bytes_[i] >> 4) % 10 * 10 + (*bytes_[i] & 15) % 10;
            break;
        case 'n':
            for (unsigned i = 0; i < width_; ++i) value = value * 10 + (*bytes_[i] & 15) % 10;
            break;
        default:
            for (unsigned i = 0; i < width_; ++i) value = value << 8 | *bytes_[i];
            if (format_ == 'i') {
                const unsigned unused = 64 - 8 * width_;
                value = static_cast<uint64_t>(static_cast<int64_t>(value << unused) >> unused);
            }
    }
    return static_cast<int64_t>(value & mask_);
}

double Measure::evaluate(const int64_t* now, const int64_t* before) const {
    // Differences of 8-byte numbers wrap around.
    const uint64_t past = delta ? static_cast<uint64_t>(before[probe]) : 0;
    const auto number = static_cast<int64_t>(static_cast<uint64_t>(now[probe]) - past);
    const double value = static_cast<double>(number);
    switch (op) {
        case Op::none: return value;
        case Op::equal: return value == reference;
        case Op::not_equal: return value != reference;
        case Op::negative_equal: return value == -reference;
        case Op::less_than: return value < reference;
        case Op::greater_than: return value > reference;
        case Op::less_or_equal: return value <= reference;
        case Op::greater_or_equal: return value >= reference;
        case Op::zero: return number == 0;
        case Op::nonzero: return number != 0;
        case Op::positive: return number > 0;
        case Op::negative: return number < 0;
        case Op::sign: return (number > 0) - (number < 0);
    }
    return 0;
}

bool StopNode::evaluate(const int64_t* now, const int64_t* before) const {
    for (const auto& measure : measures)
        if ((measure.evaluate(now, before) > 0) != all) return !all;
    for (const auto& node : nodes)
        if (node.evaluate(now, before) != all) return !all;
    return all;
}

float RewardTerm::evaluate(const int64_t* now, const int64_t* before) const {
    const float value = measure.probe < 0 ? 1.0f : static_cast<float>(measure.evaluate(now, before));
    if (value > 0) return value * reward;
    if (value < 0) return value * penalty;
    return 0.0f;
}

void sum_rewards(const std::vector<RewardTerm>& terms, const int64_t* samples, const int64_t* before, int frames,
                 int num_probes, int num_players, double* rewards) {
    std::fill(rewards, rewards + num_players, 0.0);
    for (int frame = 0; frame < frames; ++frame, before = samples, samples += num_probes) {
        for (int player = 0; player < num_players; ++player) {
            float reward = 0;
            for (const auto& term : terms)
                if (term.player == player) reward += term.evaluate(samples, before);
            rewards[player] += reward;
        }
    }
}

}  // namespace playthrough
