/* One instruction set's arithmetic: included once for each, with these defined:

   NAME(x)   x with the set's name at its end
   TARGET    what tells the compiler of the set
   LANES     floats in a register
   TALL      rows of the tallest tile: 12 with 32 registers, else 6
   LARGER, SMALLER   one instruction each, where there is one

   A product accumulates every element over k in one chain, whatever the tile, so that a result depends neither on the rows beside
   it nor on the number of threads. */

typedef float NAME(vec) __attribute__((vector_size(4 * LANES)));
typedef float NAME(loose) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t NAME(ints) __attribute__((vector_size(4 * LANES)));

#define VEC NAME(vec)
#define INTS NAME(ints)
#define INLINE static inline TARGET __attribute__((always_inline))

/* Up to LANES numbers; zeros beyond n. */
INLINE VEC NAME(load)(const float *from, long n) {
    if (n >= LANES) return *(const NAME(loose) *)from;
    VEC x = {0};
    memcpy(&x, from, sizeof(float) * n);
    return x;
}

INLINE void NAME(store)(float *to, VEC x, long n) {
    if (n >= LANES) *(NAME(loose) *)to = x;
    else memcpy(to, &x, sizeof(float) * n);
}

/* A sum inside a gate; where there is no bias, it is in the sum already. */
INLINE VEC NAME(biased)(const float *from, const float *bias, long offset, long n) {
    return bias ? NAME(load)(from, n) + NAME(load)(bias + offset, n) : NAME(load)(from, n);
}

/* y where either is NaN. */
#ifdef LARGER
INLINE VEC NAME(larger)(VEC x, VEC y) { return LARGER(x, y); }
INLINE VEC NAME(smaller)(VEC x, VEC y) { return SMALLER(x, y); }
#else
INLINE VEC NAME(where)(INTS mask, VEC yes, VEC no) { return (VEC)((mask & (INTS)yes) | (~mask & (INTS)no)); }
INLINE VEC NAME(larger)(VEC x, VEC y) { return NAME(where)(x > y, x, y); }
INLINE VEC NAME(smaller)(VEC x, VEC y) { return NAME(where)(x < y, x, y); }
#endif

/* 2^n and e^r - 1, with x = n ln 2 + r, |r| <= ln(2) / 2. x from -87 to 88; NaN stays NaN. */
INLINE VEC NAME(reduce)(VEC x, VEC *power) {
    const VEC shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the fraction is rounded away */
    const VEC n = shifted - 12582912.0f;
    *power = (VEC)(((INTS)shifted - 0x4b400000 + 127) << 23);
    const VEC r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    VEC p = r * 1.98412698e-4f + 1.38888889e-3f; /* 1/7!, 1/6!, ... */
    p = p * r + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    return p * (r * r) + r;
}

/* The same for any x, taken as the nearest of those. */
INLINE VEC NAME(split)(VEC x, VEC *power) {
    const VEC zero = {0};
    return NAME(reduce)(NAME(smaller)(zero + 88.0f, NAME(larger)(zero - 87.0f, x)), power);
}

INLINE VEC NAME(sigmoid)(VEC x) {
    VEC power;
    const VEC rest = NAME(split)(-x, &power);
    return 1.0f / (power * rest + (power + 1.0f));
}

/* From e^(-2|x|) - 1, which keeps its digits near 0. */
INLINE VEC NAME(tanh)(VEC x) {
    const VEC zero = {0};
    const INTS sign = (INTS)x & (INTS)(-zero);
    VEC power;
    const VEC rest = NAME(split)(-2.0f * (VEC)((INTS)x ^ sign), &power);
    const VEC u = power * rest + (power - 1.0f);
    return (VEC)((INTS)(-u / (u + 2.0f)) ^ sign);
}

/* C += A W for `rows` rows of A and `panels` panels of W, each of 2 LANES columns. Constant arguments make one tile each. */
INLINE void NAME(tile)(const int rows, const int panels, long depth, const float *a, long lda, const float *w, float *c, long ldc) {
    VEC sum[12][8];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 2 * panels; j++) sum[i][j] = *(const NAME(loose) *)(c + i * ldc + j * LANES);
    for (long k = 0; k < depth; k++) {
        VEC column[8];
        for (int p = 0; p < panels; p++)
            for (int j = 0; j < 2; j++) column[2 * p + j] = *(const VEC *)(w + (p * depth + k) * 2 * LANES + j * LANES);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < 2 * panels; j++) sum[i][j] += a[i * lda + k] * column[j];
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 2 * panels; j++) *(NAME(loose) *)(c + i * ldc + j * LANES) = sum[i][j];
}

#define TILE(ROWS, PANELS)                                                                                        \
    static TARGET __attribute__((noinline)) void NAME(tile_##ROWS##_##PANELS)(long depth, const float *a, long lda, \
                                                                              const float *w, float *c, long ldc) { \
        NAME(tile)(ROWS, PANELS, depth, a, lda, w, c, ldc);                                                       \
    }
TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(2, 1) TILE(2, 2) TILE(2, 3) TILE(3, 1) TILE(3, 2) TILE(4, 1) TILE(5, 1) TILE(6, 1)
#if TALL == 12
TILE(2, 4) TILE(3, 3) TILE(3, 4) TILE(4, 2) TILE(4, 3) TILE(5, 2) TILE(6, 2) TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1)
#endif
#undef TILE

typedef void (*NAME(tiler))(long, const float *, long, const float *, float *, long);

/* By rows and panels, as many as the registers hold. */
static const NAME(tiler) NAME(tiles)[TALL + 1][5] = {
    {0},
    {0, NAME(tile_1_1), NAME(tile_1_2), NAME(tile_1_3), NAME(tile_1_4)},
#if TALL == 12
    {0, NAME(tile_2_1), NAME(tile_2_2), NAME(tile_2_3), NAME(tile_2_4)},
    {0, NAME(tile_3_1), NAME(tile_3_2), NAME(tile_3_3), NAME(tile_3_4)},
    {0, NAME(tile_4_1), NAME(tile_4_2), NAME(tile_4_3)},
    {0, NAME(tile_5_1), NAME(tile_5_2)},
    {0, NAME(tile_6_1), NAME(tile_6_2)},
    {0, NAME(tile_7_1)},
    {0, NAME(tile_8_1)},
    {0, NAME(tile_9_1)},
    {0, NAME(tile_10_1)},
    {0, NAME(tile_11_1)},
    {0, NAME(tile_12_1)},
#else
    {0, NAME(tile_2_1), NAME(tile_2_2), NAME(tile_2_3)},
    {0, NAME(tile_3_1), NAME(tile_3_2)},
    {0, NAME(tile_4_1)},
    {0, NAME(tile_5_1)},
    {0, NAME(tile_6_1)},
#endif
};

/* C (n, columns) += A (n, depth) W, with W in panels. A panel that is not full is computed beside C. */
static TARGET void NAME(product)(long n, long depth, long columns, const float *a, long lda, const float *w, float *c, long ldc) {
    const long width = 2 * LANES, full = columns / width, rest = columns - full * width, tiles = (n + TALL - 1) / TALL;
    const NAME(tiler) *most = NAME(tiles)[(n + tiles - 1) / tiles];
    for (long p = 0, step; p < full; p += step) {
        for (step = full - p < 4 ? full - p : 4; !most[step]; step--) {}
        for (long row = 0, t = tiles, rows; t > 0; row += rows, t--) {
            rows = (n - row + t - 1) / t;
            NAME(tiles)[rows][step](depth, a + row * lda, lda, w + p * depth * width, c + row * ldc + p * width, ldc);
        }
    }
    if (!rest) return;
    float beside[TALL * 2 * LANES] = {0};
    for (long row = 0, t = tiles, rows; t > 0; row += rows, t--) {
        rows = (n - row + t - 1) / t;
        float *edge = c + row * ldc + full * width;
        for (long i = 0; i < rows; i++) memcpy(beside + i * width, edge + i * ldc, sizeof(float) * rest);
        NAME(tiles)[rows][1](depth, a + row * lda, lda, w + full * depth * width, beside, width);
        for (long i = 0; i < rows; i++) memcpy(edge + i * ldc, beside + i * width, sizeof(float) * rest);
    }
}

/* A member's columns: whole panels. */
INLINE Share NAME(columns_of)(const Member *me, long columns) {
    const long width = 2 * LANES;
    const Share panels = share(me, (columns + width - 1) / width);
    return (Share){panels.begin * width, least(panels.end * width, columns)};
}

/* The product in a member's columns. */
static TARGET void NAME(product_of)(const Member *me, long n, long depth, long columns, const float *a, long lda, const float *w, float *c,
                                    long ldc) {
    const Share own = NAME(columns_of)(me, columns);
    if (own.begin < own.end) NAME(product)(n, depth, own.end - own.begin, a, lda, w + own.begin * depth, c + own.begin, ldc);
}

/* Rows of a recurrence, first to last step and back; see loops.c for what the fields of a layer are. Members of a team share the columns
   of a product and then the rows of what is made of it. */

static TARGET void NAME(lstm_cell)(long n, long units, const float *bias, float *gates, const float *before, float *c, float *y) {
    for (long row = 0; row < n; row++) {
        for (long u = 0; u < units; u += LANES) {
            const long left = units - u;
            float *at = gates + row * 4 * units + u;
            const VEC i = NAME(sigmoid)(NAME(biased)(at, bias, u, left));
            const VEC f = NAME(sigmoid)(NAME(biased)(at + units, bias, units + u, left));
            const VEC g = NAME(tanh)(NAME(biased)(at + 2 * units, bias, 2 * units + u, left));
            const VEC o = NAME(sigmoid)(NAME(biased)(at + 3 * units, bias, 3 * units + u, left));
            const VEC now = f * NAME(load)(before + row * units + u, left) + i * g;
            NAME(store)(at, i, left);
            NAME(store)(at + units, f, left);
            NAME(store)(at + 2 * units, g, left);
            NAME(store)(at + 3 * units, o, left);
            NAME(store)(c + row * units + u, now, left);
            NAME(store)(y + row * units + u, o * NAME(tanh)(now), left);
        }
    }
}

static TARGET void NAME(lstm_forward)(const Layer *layer, long first, long last, const Member *me) {
    const long units = layer->units;
    const float *h = layer->h0 + first * units, *c = layer->c0 + first * units;
    for (long t = 0, start = 0; t < layer->steps; start += layer->rows[t++]) {
        const long n = active(layer, t, first, last), at = start + first;
        if (n <= 0) break;
        float *y = layer->y + at * units, *now = layer->c + at * units, *gates = layer->gates + at * 4 * units;
        const Share rows = share(me, n);
        const long mine = rows.end - rows.begin, skip = rows.begin * units;
        NAME(product_of)(me, n, units, 4 * units, h, units, layer->packed, gates, 4 * units);
        meet(me);
        NAME(lstm_cell)(mine, units, layer->bias, gates + 4 * skip, c + skip, now + skip, y + skip);
        finish(layer, t, first + rows.begin, mine, y + skip, layer->hn);
        finish(layer, t, first + rows.begin, mine, now + skip, layer->cn);
        meet(me);
        h = y, c = now;
    }
}

static TARGET void NAME(lstm_slopes)(long n, long units, const Layer *layer, long at, const float *before, float *dh, float *dc, float *dgates) {
    const long wide = layer->wide;
    for (long row = 0; row < n; row++) {
        for (long u = 0; u < units; u += LANES) {
            const long left = units - u, here = (at + row) * units + u;
            const float *from = layer->gates + (at + row) * 4 * units + u;
            float *to = dgates + row * 4 * units + u;
            const VEC i = NAME(load)(from, left), f = NAME(load)(from + units, left);
            const VEC g = NAME(load)(from + 2 * units, left), o = NAME(load)(from + 3 * units, left);
            const VEC tc = NAME(tanh)(NAME(load)(layer->c + here, left)), zero = {0};
            const VEC eh = NAME(load)(dh + row * wide + u, left) + NAME(load)(layer->dy + here, left);
            const VEC ec = NAME(load)(dc + row * wide + u, left) + eh * o * (1.0f - tc * tc);
            NAME(store)(to, ec * g * i * (1.0f - i), left);
            NAME(store)(to + units, ec * NAME(load)(before + row * units + u, left) * f * (1.0f - f), left);
            NAME(store)(to + 2 * units, ec * i * (1.0f - g * g), left);
            NAME(store)(to + 3 * units, eh * tc * o * (1.0f - o), left);
            NAME(store)(dc + row * wide + u, ec * f, left);
            NAME(store)(dh + row * wide + u, zero, left);
        }
    }
}

static TARGET void NAME(lstm_backward)(const Layer *layer, long first, long last, const Member *me) {
    const long units = layer->units, wide = layer->wide;
    float *dh = layer->dh + first * wide, *dc = layer->dc + first * wide;
    long start = total(layer);
    for (long t = layer->steps - 1; t >= 0; t--) {
        start -= layer->rows[t];
        const long n = active(layer, t, first, last), at = start + first;
        if (n <= 0) continue;
        const float *before = t ? layer->c + (start - layer->rows[t - 1] + first) * units : layer->c0 + first * units;
        float *dgates = layer->dgates + at * 4 * units;
        const Share rows = share(me, n);
        const long mine = rows.end - rows.begin, skip = rows.begin * units, over = rows.begin * wide;
        NAME(lstm_slopes)(mine, units, layer, at + rows.begin, before + skip, dh + over, dc + over, dgates + 4 * skip);
        meet(me);
        NAME(product_of)(me, n, 4 * units, wide, dgates, 4 * units, layer->packed, dh, wide);
        meet(me);
    }
}

static TARGET void NAME(gru_cell)(long n, long units, const float *bias, float *gates, const float *hidden, const float *before, float *y) {
    for (long row = 0; row < n; row++) {
        for (long u = 0; u < units; u += LANES) {
            const long left = units - u;
            float *at = gates + row * 3 * units + u;
            const VEC r = NAME(sigmoid)(NAME(biased)(at, bias, u, left));
            const VEC z = NAME(sigmoid)(NAME(biased)(at + units, bias, units + u, left));
            const VEC sum = NAME(biased)(at + 2 * units, bias, 2 * units + u, left);
            const VEC new = NAME(tanh)(sum + r * NAME(load)(hidden + row * units + u, left));
            NAME(store)(at, r, left);
            NAME(store)(at + units, z, left);
            NAME(store)(at + 2 * units, new, left);
            NAME(store)(y + row * units + u, new + z * (NAME(load)(before + row * units + u, left) - new), left);
        }
    }
}

static TARGET void NAME(gru_forward)(const Layer *layer, long first, long last, const Member *me) {
    const long units = layer->units;
    const float *h = layer->h0 + first * units, *packed_n = layer->packed + layer->second;
    for (long t = 0, start = 0; t < layer->steps; start += layer->rows[t++]) {
        const long n = active(layer, t, first, last), at = start + first;
        if (n <= 0) break;
        float *y = layer->y + at * units, *gates = layer->gates + at * 3 * units, *hidden = layer->hidden + at * units;
        const Share rows = share(me, n);
        const long mine = rows.end - rows.begin, skip = rows.begin * units;
        const Share own = NAME(columns_of)(me, units);
        for (long row = 0; row < n && own.begin < own.end; row++)
            memcpy(hidden + row * units + own.begin, layer->bias_new + own.begin, sizeof(float) * (own.end - own.begin));
        NAME(product_of)(me, n, units, 2 * units, h, units, layer->packed, gates, 3 * units);
        NAME(product_of)(me, n, units, units, h, units, packed_n, hidden, units);
        meet(me);
        NAME(gru_cell)(mine, units, layer->bias, gates + 3 * skip, hidden + skip, h + skip, y + skip);
        finish(layer, t, first + rows.begin, mine, y + skip, layer->hn);
        meet(me);
        h = y;
    }
}

static TARGET void NAME(gru_slopes)(long n, long units, const Layer *layer, long at, const float *before, float *dh) {
    const long wide = layer->wide;
    for (long row = 0; row < n; row++) {
        for (long u = 0; u < units; u += LANES) {
            const long left = units - u, here = (at + row) * units + u, gates = (at + row) * 3 * units + u;
            const float *from = layer->gates + gates;
            const VEC r = NAME(load)(from, left), z = NAME(load)(from + units, left), new = NAME(load)(from + 2 * units, left);
            const VEC eh = NAME(load)(dh + row * wide + u, left) + NAME(load)(layer->dy + here, left);
            const VEC en = eh * (1.0f - z) * (1.0f - new * new);
            const VEC er = en * NAME(load)(layer->hidden + here, left) * r * (1.0f - r);
            const VEC ez = eh * (NAME(load)(before + row * units + u, left) - new) * z * (1.0f - z);
            NAME(store)(layer->dgates + gates, er, left);
            NAME(store)(layer->dgates + gates + units, ez, left);
            NAME(store)(layer->dgates + gates + 2 * units, en, left);
            NAME(store)(layer->dhidden + gates, er, left);
            NAME(store)(layer->dhidden + gates + units, ez, left);
            NAME(store)(layer->dhidden + gates + 2 * units, en * r, left);
            NAME(store)(dh + row * wide + u, eh * z, left);
        }
    }
}

static TARGET void NAME(gru_backward)(const Layer *layer, long first, long last, const Member *me) {
    const long units = layer->units, wide = layer->wide;
    float *dh = layer->dh + first * wide;
    long start = total(layer);
    for (long t = layer->steps - 1; t >= 0; t--) {
        start -= layer->rows[t];
        const long n = active(layer, t, first, last), at = start + first;
        if (n <= 0) continue;
        const float *before = t ? layer->y + (start - layer->rows[t - 1] + first) * units : layer->h0 + first * units;
        const Share rows = share(me, n);
        NAME(gru_slopes)(rows.end - rows.begin, units, layer, at + rows.begin, before + rows.begin * units, dh + rows.begin * wide);
        meet(me);
        NAME(product_of)(me, n, 3 * units, wide, layer->dhidden + at * 3 * units, 3 * units, layer->packed, dh, wide);
        meet(me);
    }
}

static TARGET void NAME(rnn_forward)(const Layer *layer, long first, long last, const Member *me) {
    const long units = layer->units;
    const float *h = layer->h0 + first * units;
    for (long t = 0, start = 0; t < layer->steps; start += layer->rows[t++]) {
        const long n = active(layer, t, first, last);
        if (n <= 0) break;
        float *y = layer->y + (start + first) * units;
        const Share rows = share(me, n);
        NAME(product_of)(me, n, units, units, h, units, layer->packed, y, units);
        meet(me);
        for (long row = rows.begin; row < rows.end; row++)
            for (long u = 0; u < units; u += LANES) {
                float *at = y + row * units + u;
                NAME(store)(at, NAME(tanh)(NAME(biased)(at, layer->bias, u, units - u)), units - u);
            }
        finish(layer, t, first + rows.begin, rows.end - rows.begin, y + rows.begin * units, layer->hn);
        meet(me);
        h = y;
    }
}

static TARGET void NAME(rnn_slopes)(long n, long units, const Layer *layer, long at, float *dh) {
    const long wide = layer->wide;
    for (long row = 0; row < n; row++) {
        for (long u = 0; u < units; u += LANES) {
            const long left = units - u, here = (at + row) * units + u;
            const VEC h = NAME(load)(layer->y + here, left), zero = {0};
            const VEC eh = NAME(load)(dh + row * wide + u, left) + NAME(load)(layer->dy + here, left);
            NAME(store)(layer->dgates + here, eh * (1.0f - h * h), left);
            NAME(store)(dh + row * wide + u, zero, left);
        }
    }
}

static TARGET void NAME(rnn_backward)(const Layer *layer, long first, long last, const Member *me) {
    const long units = layer->units, wide = layer->wide;
    float *dh = layer->dh + first * wide;
    long start = total(layer);
    for (long t = layer->steps - 1; t >= 0; t--) {
        start -= layer->rows[t];
        const long n = active(layer, t, first, last), at = start + first;
        if (n <= 0) continue;
        const Share rows = share(me, n);
        NAME(rnn_slopes)(rows.end - rows.begin, units, layer, at + rows.begin, dh + rows.begin * wide);
        meet(me);
        NAME(product_of)(me, n, units, wide, layer->dgates + at * units, units, layer->packed, dh, wide);
        meet(me);
    }
}

#include "scan.h"

static const Instructions NAME(instructions) = {
    2 * LANES,
    {NAME(rnn_forward), NAME(gru_forward), NAME(lstm_forward)},
    {NAME(rnn_backward), NAME(gru_backward), NAME(lstm_backward)},
    {NAME(SCAN_forward), NAME(MINGRU_forward), NAME(MINLSTM_forward)},
    {NAME(SCAN_backward), NAME(MINGRU_backward), NAME(MINLSTM_backward)},
};

#undef VEC
#undef INTS
#undef INLINE
