#include "monitor/syscalls/iovec.h"

#include "host/uaccess.h"
#include "monitor/check.h"

namespace barchan {

using check::kUserEnd;

i64 IoVector::read(u64 address, u64 count) {
  if (count > UIO_MAXIOV) return -EINVAL;
  items_ = static_cast<iovec*>(scratch_.get(count * sizeof(iovec)));
  if (items_ == nullptr) return -ENOMEM;
  if (count != 0 && copy_from_guest(items_, address, count * sizeof(iovec)) != 0) {
    // Entries are looked at as they are read: a negative length is noticed before a later entry that cannot be.
    for (u64 i = 0; i < count && read_guest(items_[i], address + i * sizeof(iovec)) == 0; i++) {
      if (static_cast<i64>(items_[i].iov_len) < 0) return -EINVAL;
    }
    return -EFAULT;
  }
  count_ = count;
  bytes_ = 0;
  for (u64 i = 0; i < count; i++) {
    if (static_cast<i64>(items_[i].iov_len) < 0) return -EINVAL;
  }
  for (u64 i = 0; i < count; i++) {
    iovec& item = items_[i];  // GUEST: a copy
    const u64 base = reinterpret_cast<u64>(item.iov_base);
    // Linux cuts a single entry before it looks at the range, several ones after.
    u64 size = count > 1 ? item.iov_len : min(u64{item.iov_len}, kMaxTransfer);
    if (size > kUserEnd || base > kUserEnd - size) return -EFAULT;
    size = min(size, kMaxTransfer - bytes_);
    item.iov_len = size;
    if (size == 0) {
      item.iov_base = nullptr;
    } else if (!in_guest_memory(base, size)) {
      // The host faults there, after it has moved what comes before.
      item.iov_base = reinterpret_cast<void*>(check::buffer(base, 1, 0, false, size));
      item.iov_len = size;
    }
    bytes_ += size;
  }
  return 0;
}

void IoVector::advance(u64 bytes) {
  bytes_ -= bytes;
  while (bytes != 0) {
    u64 part = min(bytes, static_cast<u64>(items_->iov_len));
    items_->iov_base = static_cast<u8*>(items_->iov_base) + part;
    items_->iov_len -= part;
    bytes -= part;
    if (items_->iov_len == 0) {
      items_++;
      count_--;
    }
  }
}

void IoVector::keep(u64 bytes) {
  bytes_ = bytes;
  for (u64 i = 0; i < count_; i++) {
    iovec& item = items_[i];
    item.iov_len = min(bytes, static_cast<u64>(item.iov_len));
    bytes -= item.iov_len;
  }
}

}  // namespace barchan
