// _native: the vector engine for Python. Arrays are checked here once; behind it there is no Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "vector_engine.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace playthrough;

namespace {

template <typename T, int Dimensions>
using Array = nb::ndarray<nb::numpy, T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

std::vector<uint8_t> bytes_to_vector(const nb::bytes& bytes) {
    const auto* data = static_cast<const uint8_t*>(bytes.data());
    return {data, data + bytes.size()};
}

nb::bytes vector_to_bytes(const std::vector<uint8_t>& data) { return nb::bytes(data.data(), data.size()); }

// Python's lock is released while lanes run, so another thread may come here meanwhile. The flag is only touched with
// the lock held.
void require_idle(const VectorEngine& engine) {
    if (engine.busy) throw std::runtime_error("this environment is running in another thread; give each thread its own");
}

class Busy {
public:
    explicit Busy(VectorEngine& engine) : engine_(engine) {
        require_idle(engine);
        engine.busy = true;
    }
    ~Busy() { engine_.busy = false; }

private:
    VectorEngine& engine_;
};

Lane& lane_of(VectorEngine& engine, int lane) {
    require_idle(engine);
    if (lane < 0 || lane >= engine.num_lanes())
        throw nb::index_error(("lane " + std::to_string(lane) + " of " + std::to_string(engine.num_lanes())).c_str());
    return engine.lane(lane);
}

void run(VectorEngine& engine, const Array<const uint16_t, 3>& buttons, const Array<const int32_t, 1>& max_frames,
         bool stopping, const Array<const uint8_t, 1>& observe, const Array<int32_t, 1>& frames_run, const Array<bool, 1>& ended, const Array<int64_t, 3>& samples,
         const Array<uint8_t, 2>& observations) {
    const auto lanes = static_cast<size_t>(engine.num_lanes());
    const size_t frames = buttons.shape(1);
    if (buttons.shape(0) != lanes || max_frames.shape(0) != lanes || observe.shape(0) != lanes ||
        frames_run.shape(0) != lanes || ended.shape(0) != lanes || samples.shape(0) != lanes || samples.shape(1) != frames ||
        samples.shape(2) != static_cast<size_t>(engine.num_probes()) || observations.shape(0) != lanes ||
        observations.shape(1) != engine.observation_bytes())
        throw nb::value_error("an array does not fit the engine's lanes, frames, probes or observation");
    Busy busy(engine);
    nb::gil_scoped_release release;
    engine.run(buttons.data(), static_cast<int>(buttons.shape(2)), static_cast<int>(frames), max_frames.data(), stopping,
               reinterpret_cast<const Observe*>(observe.data()), frames_run.data(), ended.data(), samples.data(),
               observations.data());
}

void load(VectorEngine& engine, const std::vector<std::pair<int, nb::bytes>>& states) {
    std::vector<VectorEngine::Load> loads;
    for (const auto& [lane, state] : states) {
        lane_of(engine, lane);
        loads.push_back({lane, static_cast<const uint8_t*>(state.data()), state.size()});
    }
    Busy busy(engine);
    nb::gil_scoped_release release;
    engine.load(loads);
}

nb::object array_of_bytes(std::vector<uint8_t> data, std::vector<size_t> shape) {
    auto* owned = new std::vector<uint8_t>(std::move(data));
    nb::capsule owner(owned, [](void* pointer) noexcept { delete static_cast<std::vector<uint8_t>*>(pointer); });
    return nb::cast(nb::ndarray<nb::numpy, uint8_t>(owned->data(), shape.size(), shape.data(), owner));
}

nb::object screen(VectorEngine& engine, int lane, const Screen& screen, const Crop& crop, unsigned rotation) {
    PixelSpec spec;
    spec.crop = crop;
    spec.rotation = rotation;
    Pipeline pipeline(spec, screen);
    std::vector<uint8_t> pixels(pipeline.frame_bytes());
    pipeline.render(lane_of(engine, lane).core->picture(), pixels.data());
    return array_of_bytes(std::move(pixels), {pipeline.height(), pipeline.width(), 3});
}

nb::object take_audio(VectorEngine& engine, int lane) {
    auto* owned = new std::vector<int16_t>(lane_of(engine, lane).core->take_audio());
    nb::capsule owner(owned, [](void* pointer) noexcept { delete static_cast<std::vector<int16_t>*>(pointer); });
    const size_t shape[] = {owned->size() / 2, 2};
    return nb::cast(nb::ndarray<nb::numpy, int16_t>(owned->data(), 2, shape, owner));
}

nb::bytes read_memory(VectorEngine& engine, int lane, uint64_t address, size_t size) {
    const MemoryMap& memory = lane_of(engine, lane).core->memory();
    std::vector<uint8_t> data(size);
    for (size_t i = 0; i < size; ++i) data[i] = *memory.at(address + i);
    return vector_to_bytes(data);
}

void write_memory(VectorEngine& engine, int lane, uint64_t address, const nb::bytes& data) {
    lane_of(engine, lane).core->write_memory(address, static_cast<const uint8_t*>(data.data()), data.size());
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "Playthrough's native engine: libretro cores on lanes and threads.";
    nb::exception<CoreError>(m, "CoreError");
    nb::exception<StateError>(m, "StateError");
    nb::exception<LaneError>(m, "LaneError");
    nb::exception<MemoryError>(m, "MemoryError");

    nb::class_<Probe>(m, "Probe")
        .def("__init__",
             [](Probe* self, uint64_t address, const std::string& format, const std::vector<int>& offsets, uint64_t mask) {
                 if (offsets.empty() || offsets.size() > 8 || format.size() != 1) throw nb::value_error("bad probe");
                 new (self) Probe{address, format[0], static_cast<uint8_t>(offsets.size()), {}, mask};
                 for (size_t i = 0; i < offsets.size(); ++i) self->offsets[i] = static_cast<uint8_t>(offsets[i]);
             },
             "address"_a, "format"_a, "offsets"_a, "mask"_a);

    nb::class_<Measure>(m, "Measure")
        .def("__init__",
             [](Measure* self, int probe, bool delta, int op, double reference) {
                 new (self) Measure{probe, delta, static_cast<Op>(op), reference};
             },
             "probe"_a, "delta"_a, "op"_a, "reference"_a);

    nb::class_<StopNode>(m, "StopNode")
        .def("__init__",
             [](StopNode* self, bool all, std::vector<Measure> measures, std::vector<StopNode> nodes) {
                 new (self) StopNode{all, std::move(measures), std::move(nodes)};
             },
             "all"_a, "measures"_a, "nodes"_a)
        .def("evaluate", [](const StopNode& self, const Array<const int64_t, 1>& now, const Array<const int64_t, 1>& before) {
            return self.evaluate(now.data(), before.data());
        });

    nb::class_<RewardTerm>(m, "RewardTerm")
        .def("__init__",
             [](RewardTerm* self, int player, const Measure& measure, double reward, double penalty) {
                 new (self) RewardTerm{player, measure, static_cast<float>(reward), static_cast<float>(penalty)};
             },
             "player"_a, "measure"_a, "reward"_a, "penalty"_a);

    m.def("sum_rewards",
          [](const std::vector<RewardTerm>& terms, const Array<const int64_t, 3>& samples, const Array<const int64_t, 2>& before,
             const Array<const int32_t, 1>& frames_run, const Array<double, 2>& rewards) {
              const size_t lanes = samples.shape(0), probes = samples.shape(2), players = rewards.shape(1);
              if (before.shape(0) != lanes || before.shape(1) != probes || frames_run.shape(0) != lanes ||
                  rewards.shape(0) != lanes)
                  throw nb::value_error("an array does not fit the samples");
              for (size_t lane = 0; lane < lanes; ++lane)
                  sum_rewards(terms, samples.data() + lane * samples.shape(1) * probes, before.data() + lane * probes,
                              frames_run.data()[lane], static_cast<int>(probes), static_cast<int>(players),
                              rewards.data() + lane * players);
          },
          "terms"_a, "samples"_a, "before"_a, "frames_run"_a, "rewards"_a,
          "Add up each lane's rewards over the frames it ran: samples (lanes, frames, probes) to rewards (lanes, players).");

    nb::class_<Screen>(m, "Screen")
        .def("__init__", [](Screen* self, unsigned width, unsigned height, bool live) { new (self) Screen{width, height, live}; },
             "width"_a, "height"_a, "live"_a);
    nb::class_<Crop>(m, "Crop")
        .def("__init__",
             [](Crop* self, unsigned x, unsigned y, unsigned width, unsigned height) { new (self) Crop{x, y, width, height}; },
             "x"_a = 0, "y"_a = 0, "width"_a = 0, "height"_a = 0);
    nb::class_<PixelSpec>(m, "PixelSpec")
        .def("__init__",
             [](PixelSpec* self, bool gray, const std::string& resize, unsigned width, unsigned height, bool max_of_two,
                unsigned stack, const Crop& crop, unsigned rotation) {
                 const Resize filter = resize == "area" ? Resize::area : resize == "bilinear" ? Resize::bilinear : Resize::none;
                 if (filter != Resize::none && (width == 0 || height == 0)) throw nb::value_error("a resize needs a size");
                 new (self) PixelSpec{gray ? Colour::gray : Colour::rgb, filter, width, height, max_of_two, stack, crop, rotation % 4};
             },
             "gray"_a, "resize"_a, "width"_a, "height"_a, "max_of_two"_a, "stack"_a, "crop"_a, "rotation"_a);

    m.def("process_picture",
          [](const Array<const uint8_t, 1>& pixels, size_t pitch, unsigned width, unsigned height, int format,
             const PixelSpec& spec, const Screen& screen) {
              Pipeline pipeline(spec, screen);
              std::vector<uint8_t> out(pipeline.frame_bytes());
              const size_t row = bytes_per_pixel(static_cast<retro_pixel_format>(format)) * width;
              if (format < 0 || format > 2 || row > pitch || (height && pixels.shape(0) < pitch * (height - 1) + row))
                  throw nb::value_error("the picture does not fit its size");
              pipeline.render({pixels.data(), pitch, width, height, static_cast<retro_pixel_format>(format)}, out.data());
              return array_of_bytes(std::move(out), {pipeline.height(), pipeline.width(), pipeline.channels()});
          },
          "pixels"_a, "pitch"_a, "width"_a, "height"_a, "format"_a, "spec"_a, "screen"_a,
          "Process one raw picture as a lane would; for tests against a readable reference.");

    nb::class_<VectorEngine>(m, "VectorEngine")
        .def("__init__",
             [](VectorEngine* self, const std::string& core_path, const std::string& core_name, const std::string& rom_path,
                const nb::bytes& rom, const std::string& system_directory, std::map<std::string, std::string> options,
                const std::string& reload, bool complete_states, bool reset_before_unserialize, uint16_t remembered_buttons, bool seed_c_random, bool plug_in_pads,
                bool skips_when_sound_is_late, std::vector<std::pair<uint64_t, uint64_t>> cleared_ranges, std::optional<uint64_t> ram_base, bool swap_bytes,
                int num_lanes, int num_threads) {
                 CoreSpec spec;
                 spec.core_path = core_path;
                 spec.core_name = core_name;
                 spec.rom_path = rom_path;
                 spec.rom = bytes_to_vector(rom);
                 spec.system_directory = system_directory;
                 spec.options = std::move(options);
                 spec.reload = reload == "library" ? Reload::library : reload == "game" ? Reload::game : Reload::none;
                 spec.complete_states = complete_states;
                 spec.remembered_buttons = remembered_buttons;
                 spec.reset_before_unserialize = reset_before_unserialize;
                 spec.seed_c_random = seed_c_random;
                 spec.plug_in_pads = plug_in_pads;
                 spec.skips_when_sound_is_late = skips_when_sound_is_late;
                 spec.cleared_ranges = std::move(cleared_ranges);
                 spec.has_ram_base = ram_base.has_value();
                 spec.ram_base = ram_base.value_or(0);
                 spec.swap_bytes = swap_bytes;
                 nb::gil_scoped_release release;
                 new (self) VectorEngine(std::move(spec), num_lanes, num_threads);
             },
             "core_path"_a, "core_name"_a, "rom_path"_a, "rom"_a, "system_directory"_a, "options"_a, "reload"_a, "complete_states"_a,
             "reset_before_unserialize"_a, "remembered_buttons"_a, "seed_c_random"_a, "plug_in_pads"_a, "skips_when_sound_is_late"_a, "cleared_ranges"_a, "ram_base"_a.none(), "swap_bytes"_a,
             "num_lanes"_a, "num_threads"_a)
        .def_prop_ro("num_lanes", &VectorEngine::num_lanes)
        .def_prop_ro("num_threads", &VectorEngine::num_threads)
        .def_prop_ro("observation_bytes", &VectorEngine::observation_bytes)
        .def("configure", &VectorEngine::configure, "probes"_a, "stop"_a.none(), "pixels"_a, "screen"_a)
        .def("run", &run, "buttons"_a, "max_frames"_a, "stopping"_a, "observe"_a, "frames_run"_a, "ended"_a, "samples"_a,
             "observations"_a)
        .def("load", &load, "states"_a)
        .def("watch",
             [](VectorEngine& self, const Array<int64_t, 1>& cells) {
                 if (cells.shape(0) < 2) throw nb::value_error("there must be room for a lane and a number of frames");
                 self.watch(cells.data());
             },
             "cells"_a.noconvert(), nb::keep_alive<1, 2>())
        .def("save_state", [](VectorEngine& self, int lane) { return vector_to_bytes(lane_of(self, lane).core->save_state()); },
             "lane"_a)
        .def("save_exact", [](VectorEngine& self, int lane) { return vector_to_bytes(lane_of(self, lane).core->save_exact()); },
             "lane"_a)
        .def("state_size", [](VectorEngine& self, int lane) { return lane_of(self, lane).core->state_size(); }, "lane"_a)
        .def("save_history", [](VectorEngine& self, int lane) { return vector_to_bytes(lane_of(self, lane).save_history()); },
             "lane"_a)
        .def("load_history",
             [](VectorEngine& self, int lane, const nb::bytes& history) {
                 lane_of(self, lane).load_history(static_cast<const uint8_t*>(history.data()), history.size());
             },
             "lane"_a, "history"_a)
        .def("screen", &screen, "lane"_a, "screen"_a, "crop"_a, "rotation"_a)
        .def("capture_audio", [](VectorEngine& self, int lane, bool on) { lane_of(self, lane).core->capture_audio(on); },
             "lane"_a, "on"_a)
        .def("take_audio", &take_audio, "lane"_a)
        .def("take_log",
             [](VectorEngine& self) {
                 require_idle(self);
                 // As bytes: cores log titles of ROMs, in whatever encoding they are.
                 std::vector<std::tuple<int, int, nb::bytes>> lines;
                 for (int lane = 0; lane < self.num_lanes(); ++lane)
                     for (auto& line : self.lane(lane).core->take_log())
                         lines.emplace_back(lane, line.level, nb::bytes(line.text.data(), line.text.size()));
                 return lines;
             })
        .def("memory_blocks",
             [](VectorEngine& self, int lane) {
                 std::vector<std::pair<uint64_t, size_t>> blocks;
                 for (const auto& block : lane_of(self, lane).core->memory().blocks()) blocks.emplace_back(block.start, block.size);
                 return blocks;
             },
             "lane"_a)
        .def("read_ram",
             [](VectorEngine& self, const Array<uint8_t, 2>& out) {
                 require_idle(self);
                 for (int lane = 0; lane < self.num_lanes(); ++lane) {
                     const MemoryMap& memory = self.lane(lane).core->memory();
                     if (out.shape(0) != size_t(self.num_lanes()) || memory.size_bytes() != out.shape(1))
                         throw nb::value_error("the array does not fit the memory");
                     memory.copy_to(out.data() + size_t(lane) * out.shape(1));
                 }
             },
             "out"_a)
        .def("read_memory", &read_memory, "lane"_a, "address"_a, "size"_a)
        .def("write_memory", &write_memory, "lane"_a, "address"_a, "data"_a)
        .def("av_info",
             [](VectorEngine& self) {
                 const auto& info = self.lane(0).core->av_info();
                 return std::make_tuple(info.geometry.base_width, info.geometry.base_height, info.geometry.max_width,
                                        info.geometry.max_height, double(info.geometry.aspect_ratio), info.timing.fps,
                                        info.timing.sample_rate);
             })
        .def("skips_pictures", [](VectorEngine& self) { return self.lane(0).core->skips_pictures(); })
        .def("rotation", [](VectorEngine& self) { return self.lane(0).core->rotation(); })
        .def("core_version", [](VectorEngine& self) { return self.lane(0).core->version(); });
}
