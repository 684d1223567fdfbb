/* The step loops of RNN, LSTM and GRU: what cannot be done for all steps at once. Plain C, no library but the C library's threads.

   Rows of a step stand together, steps one after the other, as in torch's PackedSequence: rows[t] rows are active at step t, never
   more than at the step before. Everything that does not wait for the step before is a matrix product of the caller:
   `gates` holds W_ih x when a forward loop begins, activations when it ends; `dgates` the gradients of the sums inside them.

   The formulas are those of reference.py beside the kernels; gate order is torch's. */

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__) || defined(__i386__)
#define X86 1
#include <immintrin.h>
#endif

#define VERSION 2
#define MOST_PARTS 64

enum { RNN, GRU, LSTM };

typedef struct {
    long cell, steps, batch, units, threads;
    const long *rows;        /* (steps,) */
    const float *weight;     /* W_hh (G units, units), rows one after the other */
    const float *bias;       /* of the gates (G units,); GRU: without b_hn */
    const float *bias_new;   /* GRU: b_hn (units,) */
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

/* Threads that walk the same rows together. */
typedef struct {
    long size;            /* 0 until they have met */
    long arrived;
    long waiting, turn;   /* of those that have come to the end of a phase; how many phases all have ended */
} Team;

typedef struct {
    Team *team;
    long place;
} Member;

typedef void (*Loop)(const Layer *, long first, long last, const Member *);

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

/* A member's share of so many. */
typedef struct {
    long begin, end;
} Share;

static Share share(const Member *me, long count) {
    return (Share){count * me->place / me->team->size, count * (me->place + 1) / me->team->size};
}

static void pause_or_yield(long turns) {
#ifdef X86
    if (turns < 256) {
        _mm_pause();
        return;
    }
#endif
    (void)turns;
    sched_yield(); /* the others may need this core */
}

/* Wait until every member has come here: what they wrote may be read then. */
static void meet(const Member *me) {
    Team *team = me->team;
    if (team->size == 1) return;
    const long turn = __atomic_load_n(&team->turn, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&team->waiting, 1, __ATOMIC_ACQ_REL) == team->size) {
        __atomic_store_n(&team->waiting, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&team->turn, turn + 1, __ATOMIC_RELEASE);
    }
    for (long turns = 0; __atomic_load_n(&team->turn, __ATOMIC_ACQUIRE) == turn; turns++) pause_or_yield(turns);
}

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

static const long GATES[] = {1, 3, 4};

static float *pack_weight(Layer *layer, int backward, long width) {
    const long units = layer->units, rows = GATES[layer->cell] * units, most = (rows + 2 * width) * (units + width);
    float *packed;
    if (posix_memalign((void **)&packed, 64, sizeof(float) * most)) return 0;
    const long together = layer->cell == GRU && !backward ? 2 * units : rows;
    float *end = pack(layer->weight, together, units, !backward, width, packed);
    layer->second = end - packed;
    if (together < rows) pack(layer->weight + together * units, units, units, !backward, width, end);
    return packed;
}

/* Denormals are zero: they are a hundred times as slow, and mean nothing here. */
static unsigned without_denormals(void) {
#ifdef X86
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static void as_before(unsigned mode) {
#ifdef X86
    _mm_setcsr(mode);
#else
    (void)mode;
#endif
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
    const unsigned mode = without_denormals();
    for (long i; (i = __atomic_fetch_add(&parts->next, 1, __ATOMIC_RELAXED)) < parts->count;)
        parts->walk(parts->work, parts->first[i], parts->first[i + 1]);
    as_before(mode);
    return 0;
}

/* The pool of threads that torch keeps, libgomp's GOMP_parallel, where there is one. Threads of our own would compete for the cores with
   those of the pool, which wait for their next work without sleeping. */
static void (*pool)(void (*)(void *), void *, unsigned, unsigned);
void seqwise_pool(void *gomp_parallel) { pool = (void (*)(void (*)(void *), void *, unsigned, unsigned))gomp_parallel; }

typedef struct {
    void *(*work)(void *);
    void *given;
} Task;

static void work_in_pool(void *given) {
    const Task *task = given;
    task->work(task->given);
}

/* The same work in at most so many threads, one of them this one. There may be fewer. */
static void run_in_threads(long threads, void *(*work)(void *), void *given) {
    pthread_t handles[MOST_PARTS];
    Task task = {work, given};
    long begun = 1;
    if (pool && threads > 1) {
        pool(work_in_pool, &task, threads, 0);
        return;
    }
    while (begun < threads && !pthread_create(&handles[begun], 0, work, given)) begun++;
    work(given);
    for (long i = 1; i < begun; i++) pthread_join(handles[i], 0);
}

typedef struct {
    const Layer *layer;
    Loop loop;
} Looped;

static void walk_rows(const void *work, long first, long last) {
    const Looped *looped = work;
    Team alone = {1, 1, 0, 0};
    looped->loop(looped->layer, first, last, &(Member){&alone, 0});
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
    run_in_threads(parts.count, take_parts, &parts);
}

typedef struct {
    Looped looped;
    Team team;
    long wanted;
} Together;

enum { NO_MORE = INT_MAX / 2, PATIENCE = 1000000 /* ns that the first member waits for the others */ };

static long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Whoever comes in time is a member; the first one says when that is over. So it does not matter how many threads there are. */
static void *walk_together(void *given) {
    Together *together = given;
    Team *team = &together->team;
    const long place = __atomic_fetch_add(&team->arrived, 1, __ATOMIC_ACQ_REL);
    if (place >= NO_MORE) return 0;
    if (place == 0) {
        const long end = nanoseconds() + PATIENCE;
        for (long turns = 0; __atomic_load_n(&team->arrived, __ATOMIC_ACQUIRE) < together->wanted && nanoseconds() < end; turns++)
            pause_or_yield(turns);
        __atomic_store_n(&team->size, __atomic_exchange_n(&team->arrived, NO_MORE, __ATOMIC_ACQ_REL), __ATOMIC_RELEASE);
    }
    for (long turns = 0; !__atomic_load_n(&team->size, __ATOMIC_ACQUIRE); turns++) pause_or_yield(turns);
    const unsigned mode = without_denormals();
    together->looped.loop(together->looped.layer, 0, together->looped.layer->batch, &(Member){team, place});
    as_before(mode);
    return 0;
}

/* Few rows, for which half of the threads would have none, or weights that the cache of one core does not hold: each thread keeps the
   weights of some units. */
enum { FEW_ROWS = 16, CACHED = 1 << 20 /* bytes */, BLOCK = 16 /* units that a thread does not share with another: a line of the cache */ };

static void run_layer(const Layer *layer, Loop loop) {
    const long threads = least(least(layer->threads, layer->wide / BLOCK), MOST_PARTS);
    const long bytes = (long)sizeof(float) * GATES[layer->cell] * layer->units * layer->units;
    Together together = {{layer, loop}, {0}, threads};
    if (threads > 1 && layer->batch <= FEW_ROWS && (2 * layer->batch <= layer->threads || bytes > CACHED))
        run_in_threads(threads, walk_together, &together);
    else run_rows(layer, loop);
}

static int run(Layer *layer, long set, int backward) {
    const Instructions *instructions = SETS[set].instructions;
    layer->wide = (layer->units + instructions->width - 1) / instructions->width * instructions->width;
    float *packed = pack_weight(layer, backward, instructions->width);
    if (!packed) return 1;
    layer->packed = packed;
    run_layer(layer, (backward ? instructions->backward : instructions->forward)[layer->cell]);
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
    run_in_threads(parts.count, take_parts, &parts);
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
    const unsigned mode = without_denormals();
    DECODE[set](stack, &call);
    as_before(mode);
    free(work);
    return 0;
}
