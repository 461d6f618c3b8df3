// Any bytes as a request for a sandbox's files: both paths end within them, and a path is split into what it was made of.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "files/request.h"

using namespace barchan;

namespace {

void check_path(const char* path, const char* end) {
  const size_t size = strnlen(path, static_cast<size_t>(end - path));
  if (path + size >= end) abort();
  char name[files::kNameSize];
  const i64 above = files::split_path(path, name);
  if (above < 0) return;
  const std::string last = name, whole(path, size);
  if (last.empty() || last == "." || last == ".." || last.find('/') != std::string::npos) abort();
  if (whole.compare(static_cast<size_t>(above), last.size(), last) != 0) abort();
  if (above > 0 && whole[static_cast<size_t>(above) - 1] != '/') abort();
  if (whole.find_first_not_of('/', static_cast<size_t>(above) + last.size()) != std::string::npos) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Of exactly this size, and the one byte more that it may write to.
  std::vector<char> bytes(data, data + size);
  bytes.push_back('x');
  files::Request request;
  if (!files::read_request(bytes.data(), size, request)) return 0;
  if (size < sizeof request.head + 2) abort();
  check_path(request.path, bytes.data() + bytes.size());
  check_path(request.second, bytes.data() + bytes.size());
  return 0;
}
