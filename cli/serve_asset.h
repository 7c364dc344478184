/* serve_asset.h - the files of web/, as they are in the program (made by
 * cmake/Assets.cmake). */
#ifndef SLUICE_SERVE_ASSET_H
#define SLUICE_SERVE_ASSET_H

#include <stddef.h>

struct serve_asset {
	const char *path; /* "/app.js" */
	const char *type;
	const char *etag; /* quoted: of the bytes */
	const unsigned char *bytes;
	size_t len;
};

extern const struct serve_asset serve_assets[];
extern const size_t serve_asset_count;

/* NULL: there is none. */
const struct serve_asset *serve_asset_find(const char *path);

#endif
