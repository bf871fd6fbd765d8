// Part of Cascade. SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>

/// Writes the SHA-256 of `length` bytes to `digest`, which takes 32. Returns 1, or 0 when libcrypto refuses.
static inline int ccrypto_sha256(const void *bytes, size_t length, unsigned char *digest) {
    return EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL);
}
