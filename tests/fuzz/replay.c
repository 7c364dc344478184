/* replay.c - feeds every file of the folders or files named to the fuzz
 * target, so that a corpus is a plain test as well. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed;

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t got;

	if (file == NULL || fstat(fileno(file), &st) != 0) {
		perror(path);
		return 1;
	}
	data = malloc((size_t)st.st_size + 1);
	got = data != NULL ? fread(data, 1, (size_t)st.st_size, file) : 0;
	(void)fclose(file);
	if (data == NULL)
		return 1;
	(void)LLVMFuzzerTestOneInput(data, got);
	free(data);
	replayed++;
	return 0;
}

static int replay_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int bad = 0;

	if (dir == NULL)
		return replay_file(path);
	while ((entry = readdir(dir)) != NULL) {
		char full[4096];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(full, sizeof(full), "%s/%s", path,
			entry->d_name);
		bad |= replay_file(full);
	}
	(void)closedir(dir);
	return bad;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= replay_folder(argv[i]);
	printf("%zu inputs replayed\n", replayed);
	return bad != 0 || replayed == 0;
}
