/* file.h - the bytes of an input as a file, for targets that read one.
 *
 * Under libFuzzer nothing may cost a system call: there the linker sends
 * pread and fstat here (CMakeLists.txt), and the file is in memory. Elsewhere
 * it is a memfd. One file at a time, gone with the next. */
#ifndef SLUICE_FUZZ_FILE_H
#define SLUICE_FUZZ_FILE_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef SLUICE_FUZZ

static const uint8_t *file_bytes;
static size_t file_len;

ssize_t __wrap_pread(int fd, void *to, size_t room, off_t at);
int __wrap_fstat(int fd, struct stat *st);

ssize_t __wrap_pread(int fd, void *to, size_t room, off_t at)
{
	const size_t from = (size_t)at;
	size_t len = from < file_len ? file_len - from : 0;

	(void)fd;
	if (len > room)
		len = room;
	if (len > 0)
		memcpy(to, file_bytes + from, len);
	return (ssize_t)len;
}

int __wrap_fstat(int fd, struct stat *st)
{
	(void)fd;
	*st = (struct stat){ .st_size = (off_t)file_len };
	return 0;
}

static inline int file_open(const uint8_t *bytes, size_t len)
{
	file_bytes = bytes;
	file_len = len;
	return 1000;
}

#else

static inline int file_open(const uint8_t *bytes, size_t len)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) != 0 ||
		pwrite(fd, bytes, len, 0) != (ssize_t)len)
		return -1;
	return fd;
}

#endif
#endif
