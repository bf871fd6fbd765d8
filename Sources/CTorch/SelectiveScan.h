// Part of Cascade. SPDX-License-Identifier: Apache-2.0
// The recurrence of a selective state space with a gradient of its own. For CTorch.cpp alone, after Functions.h.
#pragma once

namespace {

// h_l = exp(delta_l A) h_{l-1} + delta_l u_l b_l from 0, and y_l = c_l h_l: u and delta [L, K, B, E], A [K, N, E], b and c [L, K, B, N].
//
// The states, N times as large as the input, are never stored: each sequence keeps those of a few features in the cache, and makes them
// again for the backward pass.
struct SelectiveScan : public torch::autograd::Function<SelectiveScan> {
    static constexpr int64_t lanes = 16;  // features at a time

    struct Sizes {
        int64_t length, sequences, features, states, rows;  // L, K B, E, N, B
    };
    // Where each of the arguments, or each of their gradients, lies.
    struct Places {
        const float *u, *delta, *decay, *b, *c;
    };
    struct Gradients {
        float *u, *delta, *decay, *b, *c;
    };

    // e^x by a polynomial, in operations that become vector instructions; within two units in the last place.
    __attribute__((always_inline)) static inline float exponential(float x) {
        x = std::min(std::max(x, -87.0f), 88.0f);
        float shifted = x * 1.44269504f + 12582912.0f;  // the whole part of x / log 2 in the last bits
        float whole = shifted - 12582912.0f;
        float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
        float p = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r + 1.6666665459e-1f) * r +
                  5.0000001201e-1f;
        int32_t bits;
        std::memcpy(&bits, &shifted, sizeof bits);
        bits = static_cast<int32_t>(static_cast<uint32_t>(bits) << 23) + 0x3F800000;
        float power;
        std::memcpy(&power, &bits, sizeof power);
        return (p * r * r + r + 1.0f) * power;
    }

    __attribute__((always_inline)) static inline float sum(const float *x) {
        float half[8];
        for (int64_t j = 0; j < 8; j++) half[j] = x[j] + x[j + 8];
        return ((half[0] + half[4]) + (half[2] + half[6])) + ((half[1] + half[5]) + (half[3] + half[7]));
    }

    __attribute__((always_inline)) static inline void load(const float *from, int64_t count, float *__restrict to) {
        for (int64_t j = 0; j < lanes; j++) to[j] = j < count ? from[j] : 0.0f;
    }

    // One sequence and a block of its features. `factors` [1, N, lanes] and `states` [1, N, lanes] keep the last step, or every step when
    // `keeps`: [L, N, lanes] and, after zeros, [L + 1, N, lanes].
    WIDE_REGISTERS static void scan(Sizes n, Places from, int64_t sequence, int64_t first, bool keeps, const float *__restrict decay,
                                    float *__restrict factors, float *__restrict states, float *__restrict to) {
        int64_t count = std::min(lanes, n.features - first), size = n.states * lanes;
        for (int64_t k = 0; k < size; k++) states[k] = 0.0f;
        for (int64_t l = 0; l < n.length; l++) {
            int64_t place = l * n.sequences + sequence;
            float delta[lanes], input[lanes], y[lanes] = {0};
            load(from.delta + place * n.features + first, count, delta);
            load(from.u + place * n.features + first, count, input);
            for (int64_t j = 0; j < lanes; j++) input[j] *= delta[j];
            const float *b = from.b + place * n.states, *c = from.c + place * n.states;
            float *a = factors + (keeps ? l * size : 0), *h = states + (keeps ? (l + 1) * size : 0);
            const float *before = states + (keeps ? l * size : 0);
            for (int64_t s = 0; s < n.states; s++)
                for (int64_t j = 0; j < lanes; j++) {
                    int64_t k = s * lanes + j;
                    a[k] = exponential(delta[j] * decay[k]);
                    float state = a[k] * before[k] + input[j] * b[s];
                    h[k] = state;
                    y[j] += c[s] * state;
                }
            if (to)
                for (int64_t j = 0; j < count; j++) to[place * n.features + first + j] = y[j];
        }
    }

    // The same backwards, after `scan` has kept every step. `below` and `to_decay` [N, lanes] are scratch.
    WIDE_REGISTERS static void scan_back(Sizes n, Places from, const float *__restrict above, int64_t sequence, int64_t first,
                                        const float *__restrict decay, const float *__restrict factors, const float *__restrict states,
                                        float *__restrict below, float *__restrict to_decay, Gradients to) {
        int64_t count = std::min(lanes, n.features - first), size = n.states * lanes;
        for (int64_t k = 0; k < size; k++) below[k] = to_decay[k] = 0.0f;
        for (int64_t l = n.length - 1; l >= 0; l--) {
            int64_t place = l * n.sequences + sequence;
            float g[lanes], delta[lanes], u[lanes], to_input[lanes] = {0}, to_delta[lanes] = {0};
            load(above + place * n.features + first, count, g);
            load(from.delta + place * n.features + first, count, delta);
            load(from.u + place * n.features + first, count, u);
            const float *b = from.b + place * n.states, *c = from.c + place * n.states, *a = factors + l * size;
            const float *before = states + l * size, *h = before + size;
            for (int64_t s = 0; s < n.states; s++) {
                float of_b[lanes], of_c[lanes];
                for (int64_t j = 0; j < lanes; j++) {
                    int64_t k = s * lanes + j;
                    float state = below[k] + c[s] * g[j];
                    float of_factor = state * before[k] * a[k];
                    of_c[j] = g[j] * h[k];
                    of_b[j] = state * (delta[j] * u[j]);
                    to_input[j] += state * b[s];
                    to_delta[j] += of_factor * decay[k];
                    to_decay[k] += of_factor * delta[j];
                    below[k] = state * a[k];
                }
                to.b[place * n.states + s] += sum(of_b);
                to.c[place * n.states + s] += sum(of_c);
            }
            for (int64_t j = 0; j < count; j++) {
                to.u[place * n.features + first + j] = to_input[j] * delta[j];
                to.delta[place * n.features + first + j] = to_delta[j] + to_input[j] * u[j];
            }
        }
        for (int64_t s = 0; s < n.states; s++)
            for (int64_t j = 0; j < count; j++) to.decay[(sequence * n.states + s) * n.features + first + j] = to_decay[s * lanes + j];
    }

    static Sizes sizes(const Tensor &u, const Tensor &decay) {
        return {u.size(0), u.size(1) * u.size(2), u.size(3), decay.size(1), u.size(2)};
    }

    // Calls `body` with each sequence, the first of each block of its features, that block of A, and room for `steps` steps.
    template <typename F> static void each(Sizes n, const float *decay, int64_t steps, F body) {
        at::parallel_for(0, n.sequences, 1, [&](int64_t begin, int64_t end) {
            int64_t size = n.states * lanes;
            std::vector<float> block(size), factors(steps * size), states((steps + 1) * size);
            for (int64_t sequence = begin; sequence < end; sequence++)
                for (int64_t first = 0; first < n.features; first += lanes) {
                    for (int64_t s = 0; s < n.states; s++)
                        load(decay + (sequence / n.rows * n.states + s) * n.features + first, std::min(lanes, n.features - first),
                             block.data() + s * lanes);
                    body(sequence, first, block.data(), factors.data(), states.data());
                }
        });
    }

    // All contiguous float32 on the CPU.
    static Tensor forward(torch::autograd::AutogradContext *context, const Tensor &u, const Tensor &delta, const Tensor &decay, const Tensor &b,
                          const Tensor &c) {
        context->save_for_backward({u, delta, decay, b, c});
        Sizes n = sizes(u, decay);
        Tensor result = at::empty_like(u);
        Places from{u.const_data_ptr<float>(), delta.const_data_ptr<float>(), decay.const_data_ptr<float>(), b.const_data_ptr<float>(),
                    c.const_data_ptr<float>()};
        float *to = result.mutable_data_ptr<float>();
        each(n, from.decay, 1, [&](int64_t sequence, int64_t first, const float *block, float *factors, float *states) {
            scan(n, from, sequence, first, false, block, factors, states, to);
        });
        return result;
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context, const torch::autograd::variable_list &upstream) {
        auto saved = context->get_saved_variables();
        const Tensor &u = saved[0], &decay = saved[2];
        Sizes n = sizes(u, decay);
        Places from{u.const_data_ptr<float>(), saved[1].const_data_ptr<float>(), decay.const_data_ptr<float>(), saved[3].const_data_ptr<float>(),
                    saved[4].const_data_ptr<float>()};
        Tensor above = upstream[0].contiguous(), to_u = at::empty_like(u), to_delta = at::empty_like(u);
        Tensor to_b = at::zeros_like(saved[3]), to_c = at::zeros_like(saved[4]);
        Tensor to_decay = at::empty({u.size(1), n.rows, n.states, n.features}, u.options());  // by sequence, added in order
        Gradients to{to_u.mutable_data_ptr<float>(), to_delta.mutable_data_ptr<float>(), to_decay.mutable_data_ptr<float>(),
                     to_b.mutable_data_ptr<float>(), to_c.mutable_data_ptr<float>()};
        const float *g = above.const_data_ptr<float>();
        each(n, from.decay, n.length, [&](int64_t sequence, int64_t first, const float *block, float *factors, float *states) {
            std::vector<float> scratch(2 * n.states * lanes);
            scan(n, from, sequence, first, true, block, factors, states, nullptr);
            scan_back(n, from, g, sequence, first, block, factors, states, scratch.data(), scratch.data() + n.states * lanes, to);
        });
        return {to_u, to_delta, to_decay.sum(1), to_b, to_c};
    }

    // The same in operations of libtorch, for other devices and types.
    static Tensor composed(const Tensor &u, const Tensor &delta, const Tensor &decay, const Tensor &b, const Tensor &c) {
        auto factors = (delta.unsqueeze(-2) * decay.unsqueeze(1)).exp().unbind(), inputs = ((delta * u).unsqueeze(-2) * b.unsqueeze(-1)).unbind();
        std::vector<Tensor> states;
        for (size_t l = 0; l < factors.size(); l++) states.push_back(l == 0 ? inputs[0] : factors[l] * states[l - 1] + inputs[l]);
        return c.unsqueeze(-2).matmul(at::stack(states)).squeeze(-2);
    }
};

}  // namespace
