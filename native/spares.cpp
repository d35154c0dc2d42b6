#include "spares.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <exception>

namespace playthrough {

Spares::Spares(std::shared_ptr<const CoreSpec> spec, std::shared_ptr<const LibraryImage> image, int count)
    : spec_(std::move(spec)), image_(std::move(image)), process_(getpid()), to_make_(count) {}

Spares::~Spares() {
    if (getpid() != process_) {
        // Threads do not survive a fork, and glibc would wait for ever for one that waited on a condition here.
        if (thread_.joinable()) thread_.detach();
        static_cast<void>(wake_.release());
        return;
    }
    {
        std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    wake_->notify_all();
    if (thread_.joinable()) thread_.join();
}

bool Spares::exchange(std::unique_ptr<Core>& core) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!begun_) {
        // Not earlier: whoever never resets in mid-episode needs no spares.
        begun_ = true;
        thread_ = std::thread(&Spares::work, this);
    }
    if (ready_.empty()) return false;
    std::unique_ptr<Core> fresh = std::move(ready_.back());
    ready_.pop_back();
    fresh->succeed(*core);
    used_.push_back(std::exchange(core, std::move(fresh)));
    wake_->notify_one();
    return true;
}

void Spares::work() {
#ifdef __linux__
    // Lanes go first: a processor that everybody waits for must not be spent on what can be had a little later.
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10);
#endif
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
        wake_->wait(lock, [&] { return stopping_ || to_make_ > 0 || !used_.empty(); });
        if (stopping_) return;
        std::unique_ptr<Core> core;
        if (used_.empty()) {
            --to_make_;
        } else {
            core = std::move(used_.front());
            used_.pop_front();
        }
        lock.unlock();
        try {
            if (core) {
                core->renew();
            } else {
                core = std::make_unique<Core>(spec_, image_);
            }
        } catch (const std::exception&) {
            core.reset();  // a lane that meets the same difficulty will say so
        }
        lock.lock();
        if (core) ready_.push_back(std::move(core));
    }
}

}  // namespace playthrough
