// Purpose: the version of this package, as package.json has it (a test compares them).
// Owner:   runtime.
#ifndef BARCHAN_RUNTIME_VERSION_H
#define BARCHAN_RUNTIME_VERSION_H

namespace barchan::runtime {

constexpr char kVersion[] = "0.1.0";

}  // namespace barchan::runtime

#endif
