// How winograd_vector.h keeps points: as floats.

typedef float point;

static inline void put_point(point *p, vector v) { store(p, v); }
