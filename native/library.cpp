#include "library.hpp"

#include <dlfcn.h>
#ifdef __linux__
#include <elf.h>
#include <link.h>
#endif
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace playthrough {

namespace {

// A file of its own for one lane's copy of a library. glibc takes two paths with the same name for the same library, so
// the file stays open, and with it the number in its path, for as long as the library is loaded.
int open_private_file(const std::string& name) {
#ifdef __linux__
    const int file = memfd_create(name.c_str(), MFD_CLOEXEC);
#else
    char path[] = "/tmp/playthrough-core-XXXXXX";
    const int file = mkstemp(path);
    if (file >= 0) unlink(path);
#endif
    if (file < 0) throw CoreError("cannot make a private copy of core " + name + ": " + std::strerror(errno));
    return file;
}

void write_all(int file, const std::vector<char>& image, const std::string& name) {
    size_t done = 0;
    while (done < image.size()) {
        const ssize_t count = ::write(file, image.data() + done, image.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw CoreError("cannot make a private copy of core " + name + ": " + std::strerror(errno));
        done += static_cast<size_t>(count);
    }
}

#ifdef __linux__
// The segments that a library's headers tell the loader to map.
std::vector<Elf64_Phdr> segments_of(const std::vector<char>& image) {
    Elf64_Ehdr header;
    std::vector<Elf64_Phdr> segments;
    if (image.size() < sizeof header || std::memcmp(image.data(), ELFMAG, SELFMAG) != 0) return segments;
    std::memcpy(&header, image.data(), sizeof header);
    const uint64_t end = header.e_phoff + uint64_t(header.e_phnum) * header.e_phentsize;
    if (header.e_phentsize != sizeof(Elf64_Phdr) || end > image.size()) return segments;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment;
        std::memcpy(&segment, image.data() + header.e_phoff + i * sizeof segment, sizeof segment);
        segments.push_back(segment);
    }
    return segments;
}
#endif

}  // namespace

LibraryImage::LibraryImage(std::string path, std::string name) : path_(std::move(path)), name_(std::move(name)) {
    std::ifstream file(path_, std::ios::binary);
    if (!file) throw CoreError(path_ + " cannot be read: " + std::strerror(errno));
    bytes_.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (bytes_.empty()) throw CoreError(path_ + " is empty; expected a libretro core");
    require_complete();
#ifdef __linux__
    file_ = memfd_create(name_.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file_ < 0) return;  // then every lane keeps its own
    write_all(file_, bytes_, name_);
    fcntl(file_, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
#endif
}

LibraryImage::~LibraryImage() {
    if (file_ >= 0) close(file_);
}

// The loader maps what the headers promise, and a file that is shorter ends the process on first use.
void LibraryImage::require_complete() const {
#ifdef __linux__
    Elf64_Ehdr header;
    if (bytes_.size() < sizeof header || std::memcmp(bytes_.data(), ELFMAG, SELFMAG) != 0) return;  // dlopen says it better
    std::memcpy(&header, bytes_.data(), sizeof header);
    uint64_t end = std::max(header.e_shoff + uint64_t(header.e_shnum) * header.e_shentsize,
                            header.e_phoff + uint64_t(header.e_phnum) * header.e_phentsize);
    for (const auto& segment : segments_of(bytes_)) end = std::max<uint64_t>(end, segment.p_offset + segment.p_filesz);
    if (end > bytes_.size())
        throw CoreError(path_ + " is cut off: its headers promise " + std::to_string(end) + " bytes, it has " +
                        std::to_string(bytes_.size()));
#endif
}

Library::Library(std::shared_ptr<const LibraryImage> image) : image_(std::move(image)) {
    const std::string& core_path = image_->path();
    file_ = open_private_file(image_->name());
    try {
        write_all(file_, image_->bytes(), image_->name());
        const std::string path = "/proc/self/fd/" + std::to_string(file_);
        int flags = RTLD_LAZY | RTLD_LOCAL;
#if defined(RTLD_DEEPBIND) && !defined(__SANITIZE_ADDRESS__)
        flags |= RTLD_DEEPBIND;  // a core's own zlib must win over the one that the interpreter brings
#endif
        handle_ = dlopen(path.c_str(), flags);
        if (handle_ == nullptr) {
            std::string reason = dlerror();
            if (const auto at = reason.find(path); at != std::string::npos) reason.replace(at, path.size(), core_path);
            throw CoreError(core_path + " cannot be loaded as a library: " + reason);
        }
        const auto resolve = [&](auto& function, const char* symbol) {
            function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle_, symbol));
            if (function == nullptr)
                throw CoreError(core_path + " is no libretro core: it does not export " + symbol);
        };
        resolve(set_environment, "retro_set_environment");
        resolve(set_video_refresh, "retro_set_video_refresh");
        resolve(set_audio_sample, "retro_set_audio_sample");
        resolve(set_audio_sample_batch, "retro_set_audio_sample_batch");
        resolve(set_input_poll, "retro_set_input_poll");
        resolve(set_input_state, "retro_set_input_state");
        resolve(init, "retro_init");
        resolve(deinit, "retro_deinit");
        resolve(api_version, "retro_api_version");
        resolve(get_system_info, "retro_get_system_info");
        resolve(get_system_av_info, "retro_get_system_av_info");
        resolve(set_controller_port_device, "retro_set_controller_port_device");
        resolve(reset, "retro_reset");
        resolve(run, "retro_run");
        resolve(serialize_size, "retro_serialize_size");
        resolve(serialize, "retro_serialize");
        resolve(unserialize, "retro_unserialize");
        resolve(load_game, "retro_load_game");
        resolve(unload_game, "retro_unload_game");
        resolve(get_memory_data, "retro_get_memory_data");
        resolve(get_memory_size, "retro_get_memory_size");
        const auto find = [&](auto& function, const char* symbol) {
            function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle_, symbol));
        };
        find(run_without_picture, "stable_retro_run_skip_render");
        find(set_audio_enabled, "stable_retro_set_audio_enabled");
        if (api_version() != RETRO_API_VERSION)
            throw CoreError(core_path + " speaks version " + std::to_string(api_version()) +
                            " of the libretro API; expected version 1");
        share_constants();
    } catch (...) {
        if (handle_ != nullptr) dlclose(handle_);
        close(file_);
        throw;
    }
}

Library::~Library() {
    dlclose(handle_);
    close(file_);
}

// Code and constants are the same in every copy, so all lanes use one in memory, and in the processor's caches: with
// eight lanes on two threads a processor's second-level cache would otherwise hold four copies of an emulator. What a
// library can write stays its own.
void Library::share_constants() {
#ifdef __linux__
    link_map* map = nullptr;
    if (image_->file() < 0 || dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0) return;
    const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    for (const auto& segment : segments_of(image_->bytes())) {
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) || segment.p_filesz == 0) continue;
        auto* loaded = reinterpret_cast<char*>(map->l_addr + segment.p_vaddr);
        if (std::memcmp(loaded, image_->bytes().data() + segment.p_offset, segment.p_filesz) != 0) continue;  // relocated
        const uint64_t before = segment.p_vaddr % page;
        const int access = (segment.p_flags & PF_R ? PROT_READ : 0) | (segment.p_flags & PF_X ? PROT_EXEC : 0);
        mmap(loaded - before, segment.p_filesz + before, access, MAP_PRIVATE | MAP_FIXED, image_->file(),
             static_cast<off_t>(segment.p_offset - before));
        // And the pages of the lane's own file that nothing shows any more are given back.
        const uint64_t begin = (segment.p_offset + page - 1) / page * page;
        const uint64_t end = (segment.p_offset + segment.p_filesz) / page * page;
        if (begin < end)
            fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                      static_cast<off_t>(end - begin));
    }
#endif
}

}  // namespace playthrough
