#include "vector_engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace playthrough {

ThreadPool::ThreadPool(int num_threads)
    : num_threads_(num_threads), spins_(int(std::thread::hardware_concurrency()) >= num_threads), process_(getpid()) {
    for (int thread = 1; thread < num_threads_; ++thread) threads_.emplace_back(&ThreadPool::work, this, thread);
}

ThreadPool::~ThreadPool() {
    if (getpid() != process_) {
        // Threads do not survive a fork, and glibc would wait for ever for those that waited on a condition here.
        for (auto& thread : threads_) thread.detach();
        static_cast<void>(start_.release());
        static_cast<void>(done_.release());
        return;
    }
    {
        std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    start_->notify_all();
    for (auto& thread : threads_) thread.join();
}

// To sleep and be woken takes longer than an agent often needs between two steps, above all on a virtual machine, whose
// idle processors are given away.
template <typename Condition>
bool ThreadPool::spin_until(Condition condition) const {
    if (!spins_) return condition();
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
    do {
        for (int i = 0; i < 64; ++i) {
            if (condition()) return true;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

void ThreadPool::run(const std::function<void(int)>& task) {
    if (threads_.empty()) {
        task(0);
        return;
    }
    if (getpid() != process_)
        throw std::runtime_error("an engine cannot be used in a forked process; make it there, or start processes by spawn");
    {
        std::lock_guard<std::mutex> lock(mutex_);
        task_ = &task;
        busy_ = num_threads_ - 1;
        ++round_;
    }
    start_->notify_all();
    task(0);
    if (spin_until([&] { return busy_ == 0; })) return;
    std::unique_lock<std::mutex> lock(mutex_);
    done_->wait(lock, [&] { return busy_ == 0; });
}

void ThreadPool::work(int thread) {
    uint64_t seen = 0;
    for (;;) {
        if (!spin_until([&] { return stopping_ || round_ != seen; })) {
            std::unique_lock<std::mutex> lock(mutex_);
            start_->wait(lock, [&] { return stopping_ || round_ != seen; });
        }
        if (stopping_) return;
        seen = round_;
        (*task_)(thread);
        if (--busy_ > 0) continue;
        std::lock_guard<std::mutex> lock(mutex_);  // so that the caller is either before its check, or waiting
        done_->notify_one();
    }
}

Lane::Lane(std::shared_ptr<const CoreSpec> spec, std::shared_ptr<const LibraryImage> image)
    : core(std::make_unique<Core>(std::move(spec), std::move(image))) {}

void Lane::configure(const std::vector<Probe>& probes, const PixelSpec& pixels, const Screen& screen) {
    probes_ = probes;
    resolve_probes();
    last_sample_.assign(probes.size(), 0);
    pipeline_ = std::make_unique<Pipeline>(pixels, screen);
    newest_.assign(pipeline_->frame_bytes(), 0);
    stale_ = false;
    older_.assign(pixels.max_of_two ? pipeline_->frame_bytes() : 0, 0);
    stack_.assign(pixels.stack ? pipeline_->observation_bytes() : 0, 0);
}

void Lane::resolve_probes() {
    resolved_.clear();
    for (const auto& probe : probes_) resolved_.emplace_back(probe, core->memory());
}

void Lane::render_newest() {
    if (!older_.empty()) newest_.swap(older_);
    pipeline_->render(core->picture(), newest_.data());
    stale_ = false;
}

void Lane::freshen() {
    if (!stale_) return;
    stale_ = false;
    pipeline_->render(core->picture(), newest_.data());
}

Lane::Ran Lane::run(const uint16_t* buttons, int ports, int max_frames, const StopNode* stop, Observe observe,
                    int64_t* samples, uint8_t* observation) {
    const size_t num_probes = resolved_.size();
    const bool observed = observe != Observe::skip;
    // One frame without a past goes straight to where it is wanted; its copy here is made when somebody asks for it.
    const PixelSpec& spec = pipeline_->spec();
    const bool direct = max_frames > 0 && !spec.max_of_two && !spec.stack && (observe == Observe::push || observe == Observe::fill);
    if (max_frames > 0 && !observed) freshen();
    const bool two = observed && pipeline_->spec().max_of_two;
    int frames = 0;
    bool ended = false;
    // Where the core can leave out pictures, only those that the observation needs are drawn. A game that ends before
    // them is played again, from where the step began, to see its last frames.
    const bool skipping = max_frames > 1 && core->skips_pictures();
    const int first_shown = skipping ? max_frames - (two ? 2 : 1) : 0;
    if (first_shown > 0 && observed && stop != nullptr) core->remember(moment_);
    bool grabbed = false;  // the frame before this one waits in grabbed_
    while (frames < max_frames && !ended) {
        core->run(buttons + size_t(frames) * ports, static_cast<unsigned>(ports), frames >= first_shown);
        for (size_t i = 0; i < num_probes; ++i) samples[i] = resolved_[i].read();
        ended = stop != nullptr && stop->evaluate(samples, last_sample_.data());
        std::copy(samples, samples + num_probes, last_sample_.begin());
        samples += num_probes;
        ++frames;
        const bool last = ended || frames == max_frames;
        if (ended && observed && frames - (two && frames > 1 ? 2 : 1) < first_shown) {
            replay_shown(buttons, ports, frames);
        } else if (last && observed && !direct) {
            if (grabbed) {
                newest_.swap(older_);
                pipeline_->finish(grabbed_.data(), newest_.data());
            }
            render_newest();
        } else if (two && frames == max_frames - 1) {
            render_newest();
            grabbed = false;
        } else if (two && stop != nullptr && !skipping) {
            // The next frame may end the episode; then this one is the last but one, and the core will have painted over it.
            pipeline_->grab(core->picture(), grabbed_);
            grabbed = true;
        }
    }
    if (direct) {
        pipeline_->render(core->picture(), observation);
        stale_ = true;
    } else {
        show(observe, observation);
    }
    return {frames, ended};
}

void Lane::replay_shown(const uint16_t* buttons, int ports, int frames) {
    const bool hears = core->captures_audio();
    core->capture_audio(false);  // it was heard the first time
    core->go_back(moment_);
    const int first = frames - (pipeline_->spec().max_of_two ? 2 : 1);
    for (int frame = 0; frame < frames; ++frame) {
        core->run(buttons + size_t(frame) * ports, static_cast<unsigned>(ports), frame >= first);
        if (frame >= first) render_newest();
    }
    core->capture_audio(hears);
    resolve_probes();
}

void Lane::show(Observe observe, uint8_t* observation) {
    if (observe == Observe::skip || observe == Observe::keep) return;
    freshen();
    const size_t frame_bytes = newest_.size();
    const PixelSpec& spec = pipeline_->spec();
    const bool fill = observe == Observe::fill;
    if (observe == Observe::show && spec.stack) {
        std::memcpy(observation, stack_.data(), stack_.size());
        return;
    }
    uint8_t* target = spec.stack ? stack_.data() + (spec.stack - 1) * frame_bytes : observation;
    if (spec.stack > 1 && !fill) std::memmove(stack_.data(), stack_.data() + frame_bytes, (spec.stack - 1) * frame_bytes);
    if (spec.max_of_two && !fill) {
        for (size_t i = 0; i < frame_bytes; ++i) target[i] = std::max(newest_[i], older_[i]);
    } else {
        std::memcpy(target, newest_.data(), frame_bytes);
        if (fill && spec.max_of_two) older_ = newest_;
    }
    if (!spec.stack) return;
    if (fill)
        for (unsigned i = 0; i + 1 < spec.stack; ++i) std::memcpy(stack_.data() + i * frame_bytes, target, frame_bytes);
    std::memcpy(observation, stack_.data(), stack_.size());
}

std::vector<uint8_t> Lane::save_history() {
    freshen();
    std::vector<uint8_t> history;
    const auto append = [&](const void* data, size_t size) {
        const auto* bytes = static_cast<const uint8_t*>(data);
        history.insert(history.end(), bytes, bytes + size);
    };
    append(last_sample_.data(), last_sample_.size() * sizeof(int64_t));
    append(newest_.data(), newest_.size());
    append(older_.data(), older_.size());
    append(stack_.data(), stack_.size());
    return history;
}

void Lane::load_history(const uint8_t* data, size_t size) {
    const size_t expected = last_sample_.size() * sizeof(int64_t) + newest_.size() + older_.size() + stack_.size();
    if (size != expected)
        throw StateError("the snapshot was taken with other observations or variables: its history has " +
                         std::to_string(size) + " bytes, expected " + std::to_string(expected));
    stale_ = false;
    const auto take = [&](void* target, size_t count) {
        if (count) std::memcpy(target, data, count);
        data += count;
    };
    take(last_sample_.data(), last_sample_.size() * sizeof(int64_t));
    take(newest_.data(), newest_.size());
    take(older_.data(), older_.size());
    take(stack_.data(), stack_.size());
}

VectorEngine::VectorEngine(CoreSpec spec, int num_lanes, int num_threads)
    : spec_(std::make_shared<CoreSpec>(std::move(spec))), begun_(static_cast<size_t>(num_lanes)), pool_(std::max(1, std::min(num_threads, num_lanes))) {
    const auto image = std::make_shared<const LibraryImage>(spec_->core_path, spec_->core_name);
    lanes_.resize(static_cast<size_t>(num_lanes));
    for_each_lane([&](int lane) { lanes_[static_cast<size_t>(lane)] = std::make_unique<Lane>(spec_, image); });
    if (spec_->reload != Reload::none) spares_ = std::make_unique<Spares>(spec_, image, std::min(num_lanes, 2 * pool_.size()));
}

void VectorEngine::configure(std::vector<Probe> probes, std::optional<StopNode> stop, const PixelSpec& pixels,
                             const Screen& screen) {
    stop_ = std::move(stop);
    num_probes_ = static_cast<int>(probes.size());
    observation_bytes_ = Pipeline(pixels, screen).observation_bytes();
    for (auto& lane : lanes_) lane->configure(probes, pixels, screen);
}

void VectorEngine::run(const uint16_t* buttons, int ports, int frames, const int32_t* max_frames, bool stopping,
                       const Observe* observe, int32_t* frames_run, bool* ended, int64_t* samples, uint8_t* observations) {
    for_each_lane([&](int index) {
        const auto lane = static_cast<size_t>(index);
        frames_run[lane] = 0;
        ended[lane] = false;
        const Lane::Ran ran = lanes_[lane]->run(
            buttons + lane * size_t(frames) * size_t(ports), ports, std::min(max_frames[lane], frames),
            stop_ && stopping ? &*stop_ : nullptr, observe[lane], samples + lane * size_t(frames) * size_t(num_probes_),
            observations + lane * observation_bytes_);
        frames_run[lane] = ran.frames;
        ended[lane] = ran.ended;
    });
}

void VectorEngine::load(const std::vector<Load>& loads) {
    for_each_lane([&](int index) {
        for (const auto& load : loads) {
            if (load.lane != index) continue;
            Lane& lane = *lanes_[static_cast<size_t>(index)];
            try {
                lane.freshen();
                if (spares_ && load.size != 0 && lane.core->needs_renewal()) spares_->exchange(lane.core);
                if (load.size == 0) {
                    lane.core->power_on();
                } else {
                    lane.core->load_state(load.data, load.size);
                }
            } catch (const StateError&) {
                lane.resolve_probes();  // the lane is where it was, but its memory may have moved
                throw;
            }
            lane.resolve_probes();
        }
    });
}

void VectorEngine::watch(int64_t* cells) {
    watched_ = cells;
    for (auto& lane : lanes_) lane->core->count_frames(cells == nullptr ? nullptr : cells + 1);
}

namespace {

// Thread t owns the lanes t, t + T, t + 2 T, ... Counts through its own, then through those of thread t + 1, and so on.
int lane_of_turn(int thread, int turn, int num_lanes, int num_threads) {
    for (;;) {
        const int owned = (num_lanes - thread + num_threads - 1) / num_threads;
        if (turn < owned) return thread + turn * num_threads;
        turn -= owned;
        thread = (thread + 1) % num_threads;
    }
}

}  // namespace

void VectorEngine::for_each_lane(const std::function<void(int)>& work) {
    const int num_lanes = static_cast<int>(lanes_.size()), num_threads = pool_.size();
    std::vector<std::exception_ptr> errors(lanes_.size());
    for (auto& begun : begun_) begun = false;
    pool_.run([&](int thread) {
        for (int turn = 0; turn < num_lanes; ++turn) {
            // First every lane of this thread, then those of the next one, and so on.
            const int lane = lane_of_turn(thread, turn, num_lanes, num_threads);
            if (begun_[static_cast<size_t>(lane)].exchange(true)) continue;
            if (watched_ != nullptr) __atomic_store_n(watched_, lane, __ATOMIC_RELAXED);
            try {
                work(lane);
            } catch (...) {
                errors[static_cast<size_t>(lane)] = std::current_exception();
            }
        }
        if (watched_ != nullptr) __atomic_store_n(watched_, -1, __ATOMIC_RELAXED);
    });
    for (int lane = 0; lane < num_lanes; ++lane) {
        if (!errors[static_cast<size_t>(lane)]) continue;
        const std::string place = "lane " + std::to_string(lane) + ": ";
        try {
            std::rethrow_exception(errors[static_cast<size_t>(lane)]);
        } catch (const StateError& error) {
            throw StateError(place + error.what());
        } catch (const CoreError& error) {
            throw CoreError(place + error.what());
        } catch (const std::exception& error) {
            throw LaneError(place + error.what());
        } catch (...) {
            throw LaneError(place + "core " + spec_->core_name + " threw something that is no C++ exception");
        }
    }
}

}  // namespace playthrough
