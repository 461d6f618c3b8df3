// Runs a fuzz target without libFuzzer, for every change: its seeds, and seeded changes of them, a bounded number of times.
//   short_TARGET FOLDER_OF_SEEDS ROUNDS
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

// What parsers stumble over.
constexpr uint64_t kWords[] = {0,
                               1,
                               2,
                               7,
                               8,
                               0x7f,
                               0x80,
                               0xff,
                               0x7fff,
                               0x8000,
                               0xffff,
                               0x7fffffff,
                               0x80000000,
                               0xffffffff,
                               0x7fffffffffffffff,
                               0x8000000000000000,
                               0xffffffffffffffff};

// Never null, as libFuzzer has it, and of exactly this size.
void run(const Bytes& bytes) {
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), exact.get());
  LLVMFuzzerTestOneInput(exact.get(), bytes.size());
}

class Mutator {
 public:
  Bytes operator()(Bytes bytes, const Bytes& other) {
    for (size_t changes = 1 + below(4); changes > 0; changes--) change(bytes, other);
    return bytes;
  }
  size_t below(size_t end) { return end == 0 ? 0 : random_() % end; }

 private:
  void change(Bytes& bytes, const Bytes& other) {
    const size_t at = below(bytes.size() + 1);
    const size_t length = below(std::min<size_t>(bytes.size() - at, 64) + 1);
    const auto from = bytes.begin() + static_cast<long>(at);
    switch (below(7)) {
      case 0: bytes.resize(at); break;
      case 1: bytes.erase(from, from + static_cast<long>(length)); break;
      case 2:
        bytes.insert(from, below(64), static_cast<uint8_t>(below(4) == 0 ? random_() : "\0/.a"[below(4)]));
        break;
      case 3: {
        const size_t begin = below(other.size());
        bytes.insert(from, other.begin() + static_cast<long>(begin), other.end());
        if (bytes.size() > 1 << 16) bytes.resize(1 << 16);
        break;
      }
      case 4: {
        uint64_t word = kWords[below(std::size(kWords))];
        for (size_t i = at; i < std::min(bytes.size(), at + (size_t{1} << below(4))); i++, word >>= 8)
          bytes[i] = static_cast<uint8_t>(word);
        break;
      }
      case 5:
        if (at < bytes.size()) bytes[at] ^= static_cast<uint8_t>(1u << below(8));
        break;
      default:
        if (at < bytes.size()) bytes[at] = static_cast<uint8_t>(random_());
    }
  }

  std::mt19937_64 random_{20260101};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fprintf(stderr, "short_TARGET FOLDER_OF_SEEDS ROUNDS\n"), 2;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Bytes> pool;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    pool.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  if (pool.empty()) return fprintf(stderr, "no seeds in %s\n", argv[1]), 2;
  for (const Bytes& seed : pool) run(seed);
  run({});
  Mutator mutate;
  const long rounds = atol(argv[2]);
  for (long round = 0; round < rounds; round++) {
    const Bytes bytes = mutate(pool[mutate.below(pool.size())], pool[mutate.below(pool.size())]);
    run(bytes);
    // A little of what came of it is changed further.
    if (round % 16 == 0 && pool.size() < 1000) pool.push_back(bytes);
  }
  printf("%ld rounds, %zu seeds\n", rounds, files.size());
  return 0;
}
