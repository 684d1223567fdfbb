/* The step loops of RNN, LSTM and GRU: what cannot be done for all steps at once. Plain C, no library but the C library's threads.

   Rows of a step stand together, steps one after the other, as in torch's PackedSequence: rows[t] rows are active at step t, never
   more than at the step before. Everything that does not wait for the step before is a matrix product of the caller:
   `gates` holds W_ih x + b when a forward loop begins, activations when it ends; `dgates` the gradients of the sums inside them.

   The formulas are those of reference.py beside the kernels; gate order is torch's. */

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#define X86 1
#include <immintrin.h>
#endif

#define VERSION 1
#define MOST_PARTS 64

enum { RNN, GRU, LSTM };

typedef struct {
    long cell, steps, batch, units, threads;
    const long *rows;        /* (steps,) */
    const float *weight;     /* W_hh (G units, units), rows one after the other */
    const float *bias;       /* GRU: b_hn (units,) */
    float *gates;            /* (N, G units); RNN: unused, its sums are in y */
    float *hidden;           /* GRU: W_hn h + b_hn, (N, units) */
    float *y, *c;            /* (N, units) */
    const float *h0, *c0;    /* (batch, units) */
    float *hn, *cn;          /* (batch, units), each row's state after its last step */
    const float *dy;         /* (N, units) */
    float *dh, *dc;          /* (batch, wide): gradients of hn and cn, of h0 and c0 at the end */
    float *dgates, *dhidden; /* (N, G units); GRU: of the sums of W_ih x + b_ih, and of W_hh h + b_hh */
    const float *packed;     /* W_hh in panels of `width` columns, filled by run */
    long wide, second;       /* units rounded up to whole panels; where the panels of GRU's new gate begin on the way forward */
} Layer;

typedef void (*Loop)(const Layer *, long first, long last);

enum { SCAN, MINGRU, MINLSTM };
static const int INPUTS[] = {2, 2, 3};

/* Numbers of (batch, steps, units), the units side by side. */
typedef struct {
    float *start;
    long row, step;
} View;

/* The linear scan, and the layers that are one: rows first, as the matrix product of the gates leaves them. */
typedef struct {
    long kind, batch, steps, units, threads;
    const long *lengths;     /* (batch,), the real steps of each row; none: all of them */
    View in[3];              /* SCAN: a, b; MINGRU: sums in z, n; MINLSTM: in i, f, g */
    View y, dy, din[3];      /* din may be in */
    const float *h0;         /* (batch, units) */
    float *hn, *dh;          /* (batch, units); dh: the gradient of hn, of h0 at the end */
} Scan;

/* Units first..last of a row through all its steps. */
typedef void (*Strip)(const Scan *, long row, long first, long last);

typedef struct {
    long width;
    Loop forward[3], backward[3];
    Strip scan_forward[3], scan_backward[3];
} Instructions;

static long least(long a, long b) { return a < b ? a : b; }

/* How many of the rows first..last are active at a step. */
static long active(const Layer *layer, long t, long first, long last) { return least(layer->rows[t], last) - first; }

static long total(const Layer *layer) {
    long sum = 0;
    for (long t = 0; t < layer->steps; t++) sum += layer->rows[t];
    return sum;
}

/* Keep the state of the rows, of n that begin with first, for which t is the last step. */
static void finish(const Layer *layer, long t, long first, long n, const float *state, float *final) {
    const long next = t + 1 < layer->steps ? layer->rows[t + 1] : 0, size = layer->units;
    for (long row = next > first ? next - first : 0; row < n; row++)
        memcpy(final + (first + row) * size, state + row * size, sizeof(float) * size);
}

static float *place(View view, long row, long t) { return view.start + row * view.row + t * view.step; }
static long length_of(const Scan *scan, long row) { return scan->lengths ? scan->lengths[row] : scan->steps; }

/* What is fetched early; it may lie beyond the numbers, and is not read then. A processor that has gates to compute looks too little
   ahead by itself: the numbers come at half the speed. */
static uintptr_t address(View view, long row, long t) { return (uintptr_t)view.start + sizeof(float) * (row * view.row + t * view.step); }
static long steps_ahead(const Scan *scan) { return 1 + 1024 / scan->units; }

#include "stack.h"

#define LANES 4
#define TALL 6
#define TARGET
#define NAME(x) x##_generic
#include "lanes.h"
#include "decode.h"
#undef LANES
#undef TALL
#undef TARGET
#undef NAME

#ifdef X86
#define LANES 8
#define TALL 6
#define TARGET __attribute__((target("avx2,fma")))
#define LARGER _mm256_max_ps
#define SMALLER _mm256_min_ps
#define NAME(x) x##_avx2
#include "lanes.h"
#include "decode.h"
#undef LANES
#undef TALL
#undef TARGET
#undef LARGER
#undef SMALLER
#undef NAME

#define LANES 16
#define TALL 12
#define TARGET __attribute__((target("avx512f,avx512dq,prefer-vector-width=512")))
#define LARGER _mm512_max_ps
#define SMALLER _mm512_min_ps
#define NAME(x) x##_avx512
#include "lanes.h"
#include "decode.h"
#undef LANES
#undef TALL
#undef TARGET
#undef LARGER
#undef SMALLER
#undef NAME
#endif

static const struct { const char *name; const Instructions *instructions; } SETS[] = {
#ifdef X86
    {"avx512", &instructions_avx512},
    {"avx2", &instructions_avx2},
#endif
    {"generic", &instructions_generic},
};
#define COUNT ((long)(sizeof SETS / sizeof SETS[0]))

static int available(long set) {
#ifdef X86
    if (set == 0) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    if (set == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return 1;
}

long seqwise_version(void) { return VERSION; }

/* The name of an instruction set, the fastest first; an empty one for what this processor lacks, none beyond the last. */
const char *seqwise_set(long set) { return set < 0 || set >= COUNT ? 0 : available(set) ? SETS[set].name : ""; }

/* Columns of (rows, columns) or, transposed, of its transpose, in panels: for every row, `width` columns side by side. */
static float *pack(const float *from, long rows, long columns, int transposed, long width, float *to) {
    const long depth = transposed ? columns : rows, across = transposed ? rows : columns;
    for (long panel = 0; panel < across; panel += width) {
        const long filled = least(width, across - panel);
        if (!transposed) {
            for (long k = 0; k < depth; k++) {
                memcpy(to + k * width, from + k * columns + panel, sizeof(float) * filled);
                memset(to + k * width + filled, 0, sizeof(float) * (width - filled));
            }
        } else {
            for (long block = 0; block < depth; block += 16) {
                const long end = least(block + 16, depth);
                for (long j = 0; j < width; j++)
                    for (long k = block; k < end; k++) to[k * width + j] = j < filled ? from[(panel + j) * columns + k] : 0;
            }
        }
        to += depth * width;
    }
    return to;
}

static float *pack_weight(Layer *layer, int backward, long width) {
    static const long GATES[] = {1, 3, 4};
    const long units = layer->units, rows = GATES[layer->cell] * units, most = (rows + 2 * width) * (units + width);
    float *packed;
    if (posix_memalign((void **)&packed, 64, sizeof(float) * most)) return 0;
    const long together = layer->cell == GRU && !backward ? 2 * units : rows;
    float *end = pack(layer->weight, together, units, !backward, width, packed);
    layer->second = end - packed;
    if (together < rows) pack(layer->weight + together * units, units, units, !backward, width, end);
    return packed;
}

/* Parts of a work, which any number of threads take one after the other. */
typedef struct {
    void (*walk)(const void *work, long first, long last);
    const void *work;
    long count, next;
    long first[MOST_PARTS + 1];
} Parts;

static void *take_parts(void *given) {
    Parts *parts = given;
#ifdef X86
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* denormals are zero: they are a hundred times as slow, and mean nothing here */
#endif
    for (long i; (i = __atomic_fetch_add(&parts->next, 1, __ATOMIC_RELAXED)) < parts->count;)
        parts->walk(parts->work, parts->first[i], parts->first[i + 1]);
#ifdef X86
    _mm_setcsr(before);
#endif
    return 0;
}

/* The pool of threads that torch keeps, libgomp's GOMP_parallel, where there is one. Threads of our own would compete for the cores with
   those of the pool, which wait for their next work without sleeping. */
static void (*pool)(void (*)(void *), void *, unsigned, unsigned);
void seqwise_pool(void *gomp_parallel) { pool = (void (*)(void (*)(void *), void *, unsigned, unsigned))gomp_parallel; }

static void take_in_pool(void *parts) { take_parts(parts); }

static void run_together(Parts *parts) {
    pthread_t handles[MOST_PARTS];
    long begun = 1;
    if (pool && parts->count > 1) {
        pool(take_in_pool, parts, parts->count, 0);
        return;
    }
    while (begun < parts->count && !pthread_create(&handles[begun], 0, take_parts, parts)) begun++;
    take_parts(parts);
    for (long i = 1; i < begun; i++) pthread_join(handles[i], 0);
}

typedef struct {
    const Layer *layer;
    Loop loop;
} Looped;

static void walk_rows(const void *work, long first, long last) {
    const Looped *looped = work;
    looped->loop(looped->layer, first, last);
}

/* Rows are cut where about the same number of steps is on either side; no part waits for another. */
static void run_rows(const Layer *layer, Loop loop) {
    const long threads = least(least(layer->threads, layer->batch), MOST_PARTS), all = total(layer);
    const Looped looped = {layer, loop};
    Parts parts = {walk_rows, &looped, 0, 0, {0}};
    for (long row = 0, steps = layer->steps, done = 0; row < layer->batch; row++) {
        while (steps > 0 && layer->rows[steps - 1] <= row) steps--;
        done += steps;
        if (row + 1 == layer->batch || (parts.count + 1 < threads && done * threads >= (parts.count + 1) * all))
            parts.first[++parts.count] = row + 1;
    }
    run_together(&parts);
}

static int run(Layer *layer, long set, int backward) {
    const Instructions *instructions = SETS[set].instructions;
    layer->wide = (layer->units + instructions->width - 1) / instructions->width * instructions->width;
    float *packed = pack_weight(layer, backward, instructions->width);
    if (!packed) return 1;
    layer->packed = packed;
    run_rows(layer, (backward ? instructions->backward : instructions->forward)[layer->cell]);
    free(packed);
    return 0;
}

/* 0, or 1 where there is no memory for the weights. dh and dc are as wide as seqwise_wide says. */
int seqwise_forward(Layer *layer, long set) { return run(layer, set, 0); }
int seqwise_backward(Layer *layer, long set) { return run(layer, set, 1); }
long seqwise_wide(long units, long set) {
    const long width = SETS[set].instructions->width;
    return (units + width - 1) / width * width;
}

typedef struct {
    const Scan *scan;
    Strip strip;
} Stripped;

enum { BLOCK = 16 }; /* units that a thread does not share with another: what a line of the cache holds */

static long blocks(const Scan *scan) { return (scan->units + BLOCK - 1) / BLOCK; }

/* Blocks first..last of all rows' blocks: rows, and perhaps a part of one at either end. */
static void walk_strips(const void *work, long first, long last) {
    const Stripped *stripped = work;
    const Scan *scan = stripped->scan;
    for (long row, begin, end, wide = blocks(scan); first < last; first += end - begin) {
        row = first / wide, begin = first % wide, end = least(wide, begin + last - first);
        stripped->strip(scan, row, begin * BLOCK, least(end * BLOCK, scan->units));
    }
}

static void run_strips(const Scan *scan, Strip strip) {
    const long all = scan->batch * blocks(scan);
    const Stripped stripped = {scan, strip};
    Parts parts = {walk_strips, &stripped, least(least(scan->threads, all), MOST_PARTS), 0, {0}};
    for (long i = 1; i <= parts.count; i++) parts.first[i] = all * i / parts.count;
    run_together(&parts);
}

void seqwise_scan_forward(const Scan *scan, long set) { run_strips(scan, SETS[set].instructions->scan_forward[scan->kind]); }
void seqwise_scan_backward(const Scan *scan, long set) { run_strips(scan, SETS[set].instructions->scan_backward[scan->kind]); }

static const Decode DECODE[] = {
#ifdef X86
    decode_avx512,
    decode_avx2,
#endif
    decode_generic,
};

/* 0, or 1 where there is no memory to work in. See stack.h. */
int seqwise_decode(const Stack *stack, long set, long steps, long rows, const float *x, const float *h0, const float *c0, float *y,
                   long apart, float *hn, float *cn) {
    float *work = malloc(sizeof(float) * work_of(stack, steps, rows));
    if (!work) return 1;
    const Call call = {steps, rows, x, h0, c0, y, apart, hn, cn, work};
#ifdef X86
    const unsigned denormals = _mm_getcsr();
    _mm_setcsr(denormals | 0x8040);
#endif
    DECODE[set](stack, &call);
#ifdef X86
    _mm_setcsr(denormals);
#endif
    free(work);
    return 0;
}
