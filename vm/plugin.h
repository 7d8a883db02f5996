/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the lab's plugins use of QEMU's interface for them, whose header is in no package of
 * Debian 12. load_plugin in qemu.sh sets INTERFACE to a version that this QEMU accepts: 1;
 * 2 (QEMU 9.0); 3 (QEMU 9.1), which copies an instruction's bytes; 7 (QEMU 11.0), which
 * passes a callback data of the plugin's instead of the plugin's id.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { NO_REGISTERS = 0, READS_AND_WRITES = 3 };
typedef void (*run_callback)(unsigned int cpu, void *data);
typedef void (*memory_callback)(unsigned int cpu, uint32_t info, uint64_t address, void *data);

EXPORTED int qemu_plugin_version = INTERFACE;

void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, run_callback, int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, memory_callback, int flags, int rw, void *data);
bool qemu_plugin_mem_is_store(uint32_t info);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);

#if INTERFACE < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
static inline void copy_code(const struct qemu_plugin_insn *insn, void *code, size_t size)
{
	memcpy(code, qemu_plugin_insn_data(insn), size);
}
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *data, size_t size);
static inline void copy_code(const struct qemu_plugin_insn *insn, void *code, size_t size)
{
	qemu_plugin_insn_data(insn, code, size);
}
#endif

/* The plugin's own: QEMU has translated a block. */
static void translated(struct qemu_plugin_tb *);

#if INTERFACE < 7
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(uint64_t id, struct qemu_plugin_tb *));
static void pass_on(uint64_t id, struct qemu_plugin_tb *tb) { (void)id, translated(tb); }
static inline void register_translated(uint64_t id) { qemu_plugin_register_vcpu_tb_trans_cb(id, pass_on); }
#else
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(struct qemu_plugin_tb *, void *data), void *data);
static void pass_on(struct qemu_plugin_tb *tb, void *data) { (void)data, translated(tb); }
static inline void register_translated(uint64_t id) { qemu_plugin_register_vcpu_tb_trans_cb(id, pass_on, NULL); }
#endif
