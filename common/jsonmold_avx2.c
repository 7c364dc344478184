/* jsonmold_avx2.c - the same for processors with AVX2; the build says so for
 * this file alone, and jsonmold.c asks the processor. */
#ifdef __AVX2__
#include <immintrin.h>
#include <stdint.h>

static inline uint32_t specials(const char *bytes)
{
	const __m256i v = _mm256_loadu_si256((const __m256i *)bytes);
	/* signed: bytes above 0x7f are below ' ' as well */
	const __m256i stop = _mm256_or_si256(
		_mm256_cmpgt_epi8(_mm256_set1_epi8(' '), v),
		_mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')),
			_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'))));

	return (uint32_t)_mm256_movemask_epi8(stop);
}

static inline uint32_t digits(const char *bytes)
{
	const __m256i v = _mm256_sub_epi8(
		_mm256_loadu_si256((const __m256i *)bytes),
		_mm256_set1_epi8('0'));

	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v,
		_mm256_min_epu8(v, _mm256_set1_epi8(9))));
}

static inline uint32_t equal(const char *a, const char *b)
{
	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(
		_mm256_loadu_si256((const __m256i *)a),
		_mm256_loadu_si256((const __m256i *)b)));
}

#include "common/jsonmold_walk.h"

bool json_mold_walk_avx2(struct json_mold *mold, const char *text, size_t len,
	size_t *end, bool taping)
{
	return walk_any(mold, text, len, end, taping);
}
#else
typedef int jsonmold_has_no_avx2;
#endif
