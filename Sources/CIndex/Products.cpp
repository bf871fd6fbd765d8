// Part of Cascade. SPDX-License-Identifier: Apache-2.0
//
// Inner products for each width of vector instructions. Packages are compiled for the oldest processor of an
// architecture, so each version asks the compiler for its own instructions, and the processor is asked at run time.
#include "Support.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cindex {
namespace {

thread_local std::string last_error;

// One step of a sum over pairs of numbers: of a * b, or of (a - b)^2.
template <bool squared> float step(float sum, float a, float b) {
    float x = squared ? a - b : a, y = squared ? a - b : b;
    return sum + x * y;
}

// Sixteen sums, which every compiler turns into whatever vectors the target has.
template <bool squared> float sum_portable(const float *a, const float *b, size_t n) {
    float sums[16] = {};
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        for (size_t j = 0; j < 16; j++) sums[j] = step<squared>(sums[j], a[i + j], b[i + j]);
    }
    for (size_t j = 0; i + j < n; j++) sums[j] = step<squared>(sums[j], a[i + j], b[i + j]);
    for (size_t width = 8; width > 0; width /= 2) {
        for (size_t j = 0; j < width; j++) sums[j] += sums[j + width];
    }
    return sums[0];
}

void add_scaled_portable(float scale, const float *x, float *sums, size_t n) {
    for (size_t i = 0; i < n; i++) sums[i] += scale * x[i];
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f")))

template <bool squared> AVX2 inline __m256 step(__m256 sum, __m256 a, __m256 b) {
    if (!squared) return _mm256_fmadd_ps(a, b, sum);
    __m256 x = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(x, x, sum);
}

template <bool squared> AVX2 float sum_avx2(const float *a, const float *b, size_t n) {
    __m256 s[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s[0] = step<squared>(s[0], _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
        s[1] = step<squared>(s[1], _mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8));
        s[2] = step<squared>(s[2], _mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16));
        s[3] = step<squared>(s[3], _mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24));
    }
    for (; i + 8 <= n; i += 8) s[0] = step<squared>(s[0], _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
    __m256 all = _mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3]));
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    half = _mm_add_ss(half, _mm_movehdup_ps(half));
    float sum = _mm_cvtss_f32(half);
    for (; i < n; i++) sum = step<squared>(sum, a[i], b[i]);
    return sum;
}

AVX2 void add_scaled_avx2(float scale, const float *x, float *sums, size_t n) {
    for (size_t i = 0; i < n; i++) sums[i] += scale * x[i];
}

template <bool squared> AVX512 inline __m512 step(__m512 sum, __m512 a, __m512 b) {
    if (!squared) return _mm512_fmadd_ps(a, b, sum);
    __m512 x = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(x, x, sum);
}

template <bool squared> AVX512 float sum_avx512(const float *a, const float *b, size_t n) {
    __m512 s[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        s[0] = step<squared>(s[0], _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
        s[1] = step<squared>(s[1], _mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16));
        s[2] = step<squared>(s[2], _mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32));
        s[3] = step<squared>(s[3], _mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48));
    }
    for (; i + 16 <= n; i += 16) s[0] = step<squared>(s[0], _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
    if (i < n) {
        __mmask16 rest = static_cast<__mmask16>((1u << (n - i)) - 1);
        s[1] = step<squared>(s[1], _mm512_maskz_loadu_ps(rest, a + i), _mm512_maskz_loadu_ps(rest, b + i));
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3])));
}

AVX512 void add_scaled_avx512(float scale, const float *x, float *sums, size_t n) {
    for (size_t i = 0; i < n; i++) sums[i] += scale * x[i];
}

#endif

// The version for some instructions, which the processor must have.
template <typename F> F choose(int instructions, [[maybe_unused]] F avx512, [[maybe_unused]] F avx2, F portable) {
    if (instructions > ci_best_instructions()) throw std::runtime_error("this processor lacks those instructions");
#if defined(__x86_64__)
    if (instructions == CI_AVX512) return avx512;
    if (instructions == CI_AVX2) return avx2;
#endif
    return portable;
}

} // namespace

void remember(const char *message) { last_error = message; }

#if defined(__x86_64__)
#define VERSIONS(name) name##_avx512, name##_avx2, name##_portable
#define SUMS(squared) sum_avx512<squared>, sum_avx2<squared>, sum_portable<squared>
#else
#define VERSIONS(name) name##_portable, name##_portable, name##_portable
#define SUMS(squared) sum_portable<squared>, sum_portable<squared>, sum_portable<squared>
#endif

Dot dot_for(int instructions) { return choose<Dot>(instructions, SUMS(false)); }
Dot squared_distance_for(int instructions) { return choose<Dot>(instructions, SUMS(true)); }
AddScaled add_scaled_for(int instructions) { return choose<AddScaled>(instructions, VERSIONS(add_scaled)); }

} // namespace cindex

extern "C" {

const char *ci_last_error(void) { return cindex::last_error.c_str(); }

int ci_best_instructions(void) {
#if defined(__x86_64__)
    static const int best = __builtin_cpu_supports("avx512f")                                        ? CI_AVX512
                            : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? CI_AVX2
                                                                                                     : CI_PORTABLE;
    return best;
#else
    return CI_PORTABLE;
#endif
}

float ci_dot(const float *a, const float *b, int64_t dimension, int instructions) {
    return cindex::guarded(0.0f, [&] { return cindex::dot_for(instructions)(a, b, static_cast<size_t>(dimension)); });
}
}
