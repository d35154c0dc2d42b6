// Many lanes of one core on a few threads, writing what they find straight into batch buffers.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core.hpp"
#include "memory.hpp"
#include "spares.hpp"
#include "video.hpp"

namespace playthrough {

// Something went wrong in one lane while it ran.
struct LaneError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What to do with the picture of the last frame of a run.
enum class Observe : uint8_t {
    skip,  // nobody will ask for it
    keep,  // remember it as one of the last two frames
    push,  // it completes an observation
    fill,  // it begins an episode: the whole stack shows it
    show,  // the observation as it stands, again
};

// T threads: the caller's own, and T - 1 more.
class ThreadPool {
public:
    explicit ThreadPool(int num_threads);
    ~ThreadPool();
    // Runs task(thread) on every thread and waits.
    void run(const std::function<void(int)>& task);
    int size() const { return num_threads_; }

private:
    void work(int thread);
    // Waits for a moment without giving up the processor; false if that was not enough.
    template <typename Condition>
    bool spin_until(Condition condition) const;

    int num_threads_;
    bool spins_;  // there is a processor for each thread
    pid_t process_;
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::unique_ptr<std::condition_variable> start_ = std::make_unique<std::condition_variable>();
    std::unique_ptr<std::condition_variable> done_ = std::make_unique<std::condition_variable>();
    const std::function<void(int)>* task_ = nullptr;
    std::atomic<uint64_t> round_{0};
    std::atomic<int> busy_{0};
    std::atomic<bool> stopping_{false};
};

// One emulator instance and what an episode remembers of its past frames.
class Lane {
public:
    Lane(std::shared_ptr<const CoreSpec> spec, std::shared_ptr<const LibraryImage> image);

    void configure(const std::vector<Probe>& probes, const PixelSpec& pixels, const Screen& screen);

    struct Ran {
        int frames;
        bool ended;
    };
    // Runs up to max_frames, until the stop program says that the game has ended.
    // buttons: [frames][ports]; samples: [frames][probes]; observation: written unless observe is skip or keep.
    Ran run(const uint16_t* buttons, int ports, int max_frames, const StopNode* stop, Observe observe, int64_t* samples,
            uint8_t* observation);

    // Frames remembered for the next observation and for the next delta: part of a snapshot.
    std::vector<uint8_t> save_history();
    void load_history(const uint8_t* data, size_t size);

    // To be called before the core's picture goes.
    void freshen();
    // To be called after the core's memory may have moved.
    void resolve_probes();
    const std::vector<int64_t>& last_sample() const { return last_sample_; }

    std::unique_ptr<Core> core;

private:
    void show(Observe observe, uint8_t* observation);
    void render_newest();
    void replay_shown(const uint16_t* buttons, int ports, int frames);

    std::vector<Probe> probes_;
    std::vector<ResolvedProbe> resolved_;
    std::vector<int64_t> last_sample_;
    std::unique_ptr<Pipeline> pipeline_;
    std::vector<uint8_t> newest_, older_;  // the last two emulated frames, processed
    bool stale_ = false;                   // newest_ is what the core still shows, not rendered here yet
    std::vector<uint8_t> stack_;           // the last observations, oldest first
    Core::Moment moment_;                  // where the running step began, while its pictures are left out
    std::vector<uint8_t> grabbed_;         // a frame that may turn out to be the last but one
};

class VectorEngine {
public:
    VectorEngine(CoreSpec spec, int num_lanes, int num_threads);

    int num_lanes() const { return static_cast<int>(lanes_.size()); }
    int num_threads() const { return pool_.size(); }
    Lane& lane(int index) { return *lanes_.at(static_cast<size_t>(index)); }

    // What every following run samples, stops on and shows.
    void configure(std::vector<Probe> probes, std::optional<StopNode> stop, const PixelSpec& pixels, const Screen& screen);
    // Whether a run or a load is under way. For callers that let others go on meanwhile, such as Python.
    bool busy = false;

    size_t observation_bytes() const { return observation_bytes_; }
    int num_probes() const { return num_probes_; }

    // Advances lane i by up to max_frames[i]; a lane with 0 only shows what it has. Without stopping, all frames are run.
    // buttons: [lanes][frames][ports]; samples: [lanes][frames][probes]; observations: [lanes][observation].
    void run(const uint16_t* buttons, int ports, int frames, const int32_t* max_frames, bool stopping, const Observe* observe,
             int32_t* frames_run, bool* ended, int64_t* samples, uint8_t* observations);

    // Puts lanes into savestates; an empty state is a power-on.
    struct Load {
        int lane;
        const uint8_t* data;
        size_t size;
    };
    void load(const std::vector<Load>& loads);

    // Shows whoever shares this memory what is going on: [the lane that a thread is in, or -1; frames run so far], so
    // that another process can tell slow from stuck, and which lane took this one down. For engines of one thread.
    void watch(int64_t* cells);

    // Runs work(lane) for every lane; the first error comes back, naming its lane. A thread has lanes of its own, whose
    // memory stays warm in its processor's cache; one that is done takes over lanes that another has not begun.
    void for_each_lane(const std::function<void(int)>& work);

private:
    std::shared_ptr<const CoreSpec> spec_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::optional<StopNode> stop_;
    size_t observation_bytes_ = 0;
    int num_probes_ = 0;
    int64_t* watched_ = nullptr;
    std::unique_ptr<Spares> spares_;
    std::vector<std::atomic<bool>> begun_;  // by lane, in the present round
    ThreadPool pool_;  // last: its threads end before the lanes do
};

}  // namespace playthrough
