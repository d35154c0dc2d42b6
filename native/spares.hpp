// Cores made ready ahead of time, for those whose every reset needs a game or a library that was loaded anew.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core.hpp"

namespace playthrough {

// A few cores beside the lanes. A lane that resets takes one that is ready and leaves its own, which a thread in the
// background renews while the lanes run on. Where none is ready the lane renews its own, as if there were no spares.
class Spares {
public:
    Spares(std::shared_ptr<const CoreSpec> spec, std::shared_ptr<const LibraryImage> image, int count);
    ~Spares();
    Spares(const Spares&) = delete;
    Spares& operator=(const Spares&) = delete;

    // Puts a core that is ready into the place of this one; false where there is none.
    bool exchange(std::unique_ptr<Core>& core);

private:
    void work();

    std::shared_ptr<const CoreSpec> spec_;
    std::shared_ptr<const LibraryImage> image_;
    pid_t process_;
    int to_make_;  // cores that do not exist yet
    std::deque<std::unique_ptr<Core>> used_;
    std::vector<std::unique_ptr<Core>> ready_;
    std::mutex mutex_;
    std::unique_ptr<std::condition_variable> wake_ = std::make_unique<std::condition_variable>();
    bool begun_ = false, stopping_ = false;
    std::thread thread_;
};

}  // namespace playthrough
