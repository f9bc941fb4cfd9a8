/* The lock segment of Podman, declared as C sees it, to hold our offsets and our mutexes against.
 *
 * layout                    prints sizes and offsets
 * take SEGMENT NUMBER       sets the bit of a lock number as allocating does; prints its number
 * hold SEGMENT NUMBER       locks a mutex, says "held", and exits without unlocking when stdin ends
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct group {
    uint32_t bitmap;
    pthread_mutex_t mutexes[32];
};

struct segment {
    uint16_t magic;
    uint16_t unused;
    pthread_mutex_t account;
    uint32_t group_count;
    uint32_t lock_count;
    struct group groups[];
};

static void fail(const char *what, int number) {
    fprintf(stderr, "%s: %s\n", what, strerror(number));
    exit(1);
}

static struct segment *map(const char *path) {
    struct stat about;
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &about) < 0)
        fail(path, errno);
    void *memory = mmap(NULL, about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED)
        fail("mmap", errno);
    return memory;
}

static void lock(pthread_mutex_t *mutex) {
    int result = pthread_mutex_lock(mutex);
    if (result == EOWNERDEAD)
        result = pthread_mutex_consistent(mutex);
    if (result != 0)
        fail("pthread_mutex_lock", result);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "layout") == 0) {
        printf("%zu %zu %zu %zu %zu %zu %zu\n", sizeof(pthread_mutex_t), _Alignof(pthread_mutex_t),
               offsetof(struct segment, account), offsetof(struct segment, group_count),
               offsetof(struct segment, groups), sizeof(struct group), offsetof(struct group, mutexes));
        return 0;
    }
    if (argc != 4)
        return 2;
    struct segment *segment = map(argv[2]);
    uint32_t number = atoi(argv[3]);
    struct group *group = &segment->groups[number / 32];
    if (segment->magic != 0x87D1 || number >= segment->lock_count)
        fail("segment", EINVAL);
    if (strcmp(argv[1], "take") == 0) {
        lock(&segment->account);
        if (group->bitmap & (UINT32_C(1) << number % 32))
            fail("take", EEXIST);
        group->bitmap |= UINT32_C(1) << number % 32;
        pthread_mutex_unlock(&segment->account);
        printf("%u of %u\n", number, segment->lock_count);
        return 0;
    }
    lock(&group->mutexes[number % 32]);
    printf("held\n");
    fflush(stdout);
    return getchar() == EOF ? 0 : 3;
}
