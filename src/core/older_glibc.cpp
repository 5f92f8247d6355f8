// older_glibc.cpp: a module built with a new C library runs with an old one. What got a new version
// there, for reasons of no concern here, is asked for by the version that every glibc since 2.17
// has. The whole module gets these, the C++ library's static part too, since it looks within itself
// first.
#include <features.h>

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))

#if defined(__x86_64__)
#define OLDER(name) __asm__(".symver older_" #name "," #name "@GLIBC_2.2.5")
#else
#define OLDER(name) __asm__(".symver older_" #name "," #name "@GLIBC_2.17")
#endif
#define OURS __attribute__((visibility("hidden")))

extern "C" {

#if __GLIBC_PREREQ(2, 29)  // since then it no longer sets errno by _LIB_VERSION
double older_pow(double x, double y);
OLDER(pow);
OURS double our_pow(double x, double y) __asm__("pow");  // a builtin's own name is never hidden
double our_pow(double x, double y) { return older_pow(x, y); }
#endif

#if __GLIBC_PREREQ(2, 32)  // shared_ptr asks whether it may count without atomics: no
OURS char __libc_single_threaded = 0;
#endif

#if __GLIBC_PREREQ(2, 34)  // they moved from libpthread.so, which every Python had loaded before
int older_pthread_create(void* thread, const void* attributes, void* (*start)(void*),
                         void* argument);
OLDER(pthread_create);
OURS int pthread_create(void* thread, const void* attributes, void* (*start)(void*),
                        void* argument) {
    return older_pthread_create(thread, attributes, start, argument);
}
int older_pthread_join(unsigned long thread, void** result);
OLDER(pthread_join);
OURS int pthread_join(unsigned long thread, void** result) {
    return older_pthread_join(thread, result);
}
int older_pthread_detach(unsigned long thread);
OLDER(pthread_detach);
OURS int pthread_detach(unsigned long thread) { return older_pthread_detach(thread); }
int older_pthread_mutex_trylock(void* mutex);
OLDER(pthread_mutex_trylock);
OURS int pthread_mutex_trylock(void* mutex) { return older_pthread_mutex_trylock(mutex); }
#endif

#if __GLIBC_PREREQ(2, 38)  // it takes binary numbers since then; the C++ library's pool of
                           // exceptions asks
unsigned long older_strtoul(const char* text, char** after, int base);
OLDER(strtoul);
OURS unsigned long __isoc23_strtoul(const char* text, char** after, int base) {
    return older_strtoul(text, after, base);
}
#endif

}  // extern "C"
#endif
