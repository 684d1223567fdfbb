/* One instruction set's steps of a stack, included after lanes.h; see stack.h for what the fields are.

   A product adds up each of its numbers in LANES parts, and these in one order, however many rows there are: what a row becomes does
   not depend on the rows beside it, nor on how many steps a call has. */

#define VEC NAME(vec)
#define INTS NAME(ints)
#define INLINE static inline TARGET __attribute__((always_inline))

#if LANES == 16
#define EACH(F, s) F(0, s), F(1, s), F(2, s), F(3, s), F(4, s), F(5, s), F(6, s), F(7, s), F(8, s), F(9, s), F(10, s), F(11, s), F(12, s), F(13, s), F(14, s), F(15, s)
#elif LANES == 8
#define EACH(F, s) F(0, s), F(1, s), F(2, s), F(3, s), F(4, s), F(5, s), F(6, s), F(7, s)
#else
#define EACH(F, s) F(0, s), F(1, s), F(2, s), F(3, s)
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define PICK(a, b, F, s) __builtin_shufflevector(a, b, EACH(F, s))
#else
#define PICK(a, b, F, s) __builtin_shuffle(a, b, (INTS){EACH(F, s)})
#endif
/* Of two registers in groups of s lanes: the even groups of both in turn, and the odd ones. */
#define EVEN(l, s) ((l) / (s) % 2 ? LANES + (l) - (s) : (l))
#define ODD(l, s) ((l) / (s) % 2 ? LANES + (l) : (l) + (s))
#define MERGE(s) \
    for (int j = 0; j < (s); j++) sum[j] = PICK(sum[j], sum[j + (s)], EVEN, s) + PICK(sum[j], sum[j + (s)], ODD, s)

/* The sum of each of LANES registers, side by side. */
INLINE VEC NAME(sums)(VEC *sum) {
#if LANES >= 16
    MERGE(8);
#endif
#if LANES >= 8
    MERGE(4);
#endif
    MERGE(2);
    MERGE(1);
    return sum[0];
}
#undef EACH
#undef PICK
#undef EVEN
#undef ODD
#undef MERGE

/* The last n < LANES numbers of `depth`, the lanes before them zero. */
INLINE VEC NAME(rest)(const float *from, long depth, long n) {
    if (depth < LANES) return NAME(load)(from, n);
    INTS counted;
    for (int j = 0; j < LANES; j++) counted[j] = j < LANES - n ? 0 : -1;
    return (VEC)(counted & (INTS) * (const NAME(loose) *)(from + depth - LANES));
}

#define UNROLL _Pragma("GCC unroll 4")

/* C += A W^T for `inputs` rows of A and LANES rows of W, of which `left` are there. One row of W after the other, the next
   ones on their way already: 120 GB/s from the third cache of a Zen 5 core, where sixteen rows side by side come with 85. */
INLINE void NAME(dot)(const int inputs, long depth, const float *a, const float *w, long left, float *c, long ldc) {
    enum { CHAINS = 4, AHEAD = 512 };
    VEC sum[4][LANES];
    for (int j = 0; j < LANES; j++) {
        const float *row = w + (j < left ? j : left - 1) * depth;
        VEC part[4][CHAINS] = {{{0}}};
        long k = 0;
        for (; k + CHAINS * LANES <= depth; k += CHAINS * LANES) {
            UNROLL for (int p = 0; p < CHAINS; p++) {
                const VEC weight = *(const NAME(loose) *)(row + k + p * LANES);
                __builtin_prefetch(row + k + p * LANES + AHEAD);
                UNROLL for (int i = 0; i < inputs; i++) part[i][p] += *(const NAME(loose) *)(a + i * depth + k + p * LANES) * weight;
            }
        }
        for (; k + LANES <= depth; k += LANES)
            UNROLL for (int i = 0; i < inputs; i++) part[i][0] += *(const NAME(loose) *)(a + i * depth + k) * *(const NAME(loose) *)(row + k);
        if (k < depth)
            UNROLL for (int i = 0; i < inputs; i++) part[i][1] += NAME(rest)(a + i * depth, depth, depth - k) * NAME(rest)(row, depth, depth - k);
        UNROLL for (int i = 0; i < inputs; i++) sum[i][j] = (part[i][0] + part[i][1]) + (part[i][2] + part[i][3]);
    }
    for (int i = 0; i < inputs; i++) NAME(store)(c + i * ldc, NAME(load)(c + i * ldc, left) + NAME(sums)(sum[i]), left);
}

#define DOT(INPUTS)                                                                                                                 \
    static TARGET __attribute__((noinline)) void NAME(dot_##INPUTS)(long depth, const float *a, const float *w, long left, float *c, \
                                                                    long ldc) {                                                     \
        NAME(dot)(INPUTS, depth, a, w, left, c, ldc);                                                                               \
    }
DOT(1) DOT(2)
#if LANES == 16 /* and so 32 registers */
DOT(4)
#endif
#undef DOT
#undef UNROLL

/* C (n, rows) += A (n, depth) W^T, with W (rows, depth). */
static TARGET void NAME(products)(long n, long rows, long depth, const float *a, const float *w, float *c, long ldc) {
    for (long row = 0; row < rows; row += LANES, w += LANES * depth) {
        long i = 0;
#if LANES == 16
        for (; i + 4 <= n; i += 4) NAME(dot_4)(depth, a + i * depth, w, rows - row, c + i * ldc + row, ldc);
#endif
        for (; i + 2 <= n; i += 2) NAME(dot_2)(depth, a + i * depth, w, rows - row, c + i * ldc + row, ldc);
        if (i < n) NAME(dot_1)(depth, a + i * depth, w, rows - row, c + i * ldc + row, ldc);
    }
}

/* The biases of every row of sums: the input's, and the first `both` of the state's. */
static TARGET void NAME(begin)(long n, long count, const float *bias_ih, const float *bias_hh, long both, float *sums) {
    if (!bias_ih) {
        memset(sums, 0, sizeof(float) * n * count);
        return;
    }
    for (long row = 0; row < n; row++, sums += count) {
        for (long u = 0; u < both; u++) sums[u] = bias_ih[u] + bias_hh[u];
        memcpy(sums + both, bias_ih + both, sizeof(float) * (count - both));
    }
}

INLINE float NAME(add_up)(VEC x) {
    float part[LANES];
    NAME(store)(part, x, LANES);
    for (int s = LANES / 2; s; s /= 2)
        for (int j = 0; j < s; j++) part[j] += part[j + s];
    return part[0];
}

/* Layer normalization (Ba et al. 2016, arXiv:1607.06450) of (n, width). */
static TARGET void NAME(normalize)(long n, long width, const float *x, const float *weight, float epsilon, float *to) {
    for (long row = 0; row < n; row++, x += width, to += width) {
        VEC sum = {0}, square = {0};
        for (long u = 0; u < width; u += LANES) sum += NAME(load)(x + u, width - u);
        const float mean = NAME(add_up)(sum) / width;
        for (long u = 0; u < width; u += LANES) {
            VEC d = NAME(load)(x + u, width - u) - mean;
            for (int j = 0; j < LANES; j++) d[j] = j < width - u ? d[j] : 0;
            square += d * d;
        }
        const float scale = 1.0f / __builtin_sqrtf(NAME(add_up)(square) / width + epsilon);
        for (long u = 0; u < width; u += LANES)
            NAME(store)(to + u, (NAME(load)(x + u, width - u) - mean) * scale * NAME(load)(weight + u, width - u), width - u);
    }
}

static TARGET void NAME(squash)(long cell, long n, const float *sums, float *y) {
    const VEC zero = {0};
    for (long u = 0; u < n; u += LANES) {
        const VEC x = NAME(load)(sums + u, n - u);
        NAME(store)(y + u, cell == RELU ? NAME(larger)(zero, x) : NAME(tanh)(x), n - u);
    }
}

/* y = mixer(x) for all steps: (n, width) to (n, units), which may be one place. */
static TARGET void NAME(mix)(const Stack *stack, const Call *call, long layer, const float *x, float *y, float *work) {
    static const long GATES[] = {1, 3, 4, 1};
    const Block *block = stack->block + layer;
    const long cell = block->cell, units = stack->units, rows = call->rows, n = call->steps * rows, state = rows * units;
    const long count = GATES[cell] * units, both = cell == GRU ? 2 * units : count;
    float *gates = work, *hidden = gates + n * count, *start = hidden + state;
    NAME(begin)(n, count, block->bias_ih, block->bias_hh, both, gates);
    NAME(products)(n, count, block->width, x, block->weight_ih, gates, count);
    const float *h = call->h0 ? call->h0 + layer * state : memset(start, 0, sizeof(float) * state);
    const float *c = call->c0 ? call->c0 + layer * state : start;
    for (long t = 0; t < call->steps; t++, y += state, gates += rows * count) {
        NAME(products)(rows, both, units, h, block->weight_hh, gates, count);
        if (cell == LSTM) {
            float *now = call->cn + layer * state;
            NAME(lstm_cell)(rows, units, 0, gates, c, now, y);
            c = now;
        } else if (cell == GRU) {
            NAME(begin)(rows, units, block->bias_hh ? block->bias_hh + both : 0, 0, 0, hidden);
            NAME(products)(rows, units, units, h, block->weight_hh + both * units, hidden, units);
            NAME(gru_cell)(rows, units, 0, gates, hidden, h, y);
        } else {
            NAME(squash)(cell, state, gates, y);
        }
        h = y;
    }
    memcpy(call->hn + layer * state, h, sizeof(float) * state);
}

/* y = x + down(silu(gate(norm(x))) up(norm(x))) (Shazeer 2020, arXiv:2002.05202), in place. */
static TARGET void NAME(feed_forward)(const Stack *stack, const Block *block, long n, float *y, float *work) {
    const long units = stack->units, inner = block->inner;
    float *normed = work, *gate = normed + n * units, *up = gate + n * inner;
    NAME(normalize)(n, units, y, block->feed_forward_norm, stack->epsilon, normed);
    memset(gate, 0, sizeof(float) * 2 * n * inner);
    NAME(products)(n, inner, units, normed, block->gate, gate, inner);
    NAME(products)(n, inner, units, normed, block->up, up, inner);
    for (long u = 0; u < n * inner; u += LANES) {
        const VEC g = NAME(load)(gate + u, n * inner - u);
        NAME(store)(gate + u, g * NAME(sigmoid)(g) * NAME(load)(up + u, n * inner - u), n * inner - u);
    }
    NAME(products)(n, units, inner, gate, block->down, y, units);
}

static TARGET void NAME(decode)(const Stack *stack, const Call *call) {
    const long units = stack->units, n = call->steps * call->rows;
    const float *x = call->x;
    float *y = call->y;
    for (long layer = 0; layer < stack->blocks; layer++, x = y, y += layer < stack->blocks ? call->apart : 0) {
        const Block *block = stack->block + layer;
        if (!block->inner) {
            NAME(mix)(stack, call, layer, x, y, call->work);
            continue;
        }
        float *normed = call->work, *mixed = normed + n * block->width;
        NAME(normalize)(n, block->width, x, block->mixer_norm, stack->epsilon, normed);
        NAME(mix)(stack, call, layer, normed, mixed, mixed + n * units);
        for (long u = 0; u < n * units; u++) y[u] = x[u] + mixed[u];
        NAME(feed_forward)(stack, block, n, y, call->work);
    }
    if (stack->norm) NAME(normalize)(n, units, y, stack->norm, stack->epsilon, y);
}

#undef VEC
#undef INTS
#undef INLINE
