// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What libxdp before 1.3 calls and libbpf 1.0 removed, by what took its place there. The
 * compiler includes it before libxdp's sources.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#if defined(LIBBPF_MAJOR_VERSION) && LIBBPF_MAJOR_VERSION >= 1

static inline int bpf_set_link_xdp_fd_opts(int ifindex, int fd, __u32 flags,
					   const struct bpf_xdp_set_link_opts *old)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old ? old->old_fd : 0);

	return bpf_xdp_attach(ifindex, fd, flags, &opts);
}

struct xdp_link_info {
	__u32 prog_id;
	__u32 drv_prog_id;
	__u32 hw_prog_id;
	__u32 skb_prog_id;
	__u8 attach_mode;
};

static inline int bpf_get_link_xdp_info(int ifindex, struct xdp_link_info *info,
					size_t size, __u32 flags)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int err = bpf_xdp_query(ifindex, flags, &opts);

	if (err)
		return err;
	memset(info, 0, size);
	info->prog_id = opts.prog_id;
	info->drv_prog_id = opts.drv_prog_id;
	info->hw_prog_id = opts.hw_prog_id;
	info->skb_prog_id = opts.skb_prog_id;
	info->attach_mode = opts.attach_mode;
	return 0;
}

static inline int bpf_map__resize(struct bpf_map *map, __u32 max_entries)
{
	return bpf_map__set_max_entries(map, max_entries);
}

static inline int bpf_prog_test_run(int fd, int repeat, void *data, __u32 size, void *data_out,
				    __u32 *size_out, __u32 *retval, __u32 *duration)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = repeat, .data_in = data,
		    .data_size_in = size, .data_out = data_out,
		    .data_size_out = size_out ? *size_out : 0);
	int err = bpf_prog_test_run_opts(fd, &opts);

	if (size_out)
		*size_out = opts.data_size_out;
	if (retval)
		*retval = opts.retval;
	if (duration)
		*duration = opts.duration;
	return err;
}

struct bpf_create_map_attr {
	const char *name;
	enum bpf_map_type map_type;
	__u32 map_flags;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
};

static inline int bpf_create_map_xattr(const struct bpf_create_map_attr *attr)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = attr->map_flags);

	return bpf_map_create(attr->map_type, attr->name, attr->key_size, attr->value_size,
			      attr->max_entries, &opts);
}

struct bpf_load_program_attr {
	enum bpf_prog_type prog_type;
	const char *name;
	const struct bpf_insn *insns;
	size_t insns_cnt;
	const char *license;
};

static inline int bpf_load_program_xattr(const struct bpf_load_program_attr *attr, char *log,
					 size_t size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = size);

	return bpf_prog_load(attr->prog_type, attr->name, attr->license, attr->insns,
			     attr->insns_cnt, &opts);
}

static inline __u32 btf__get_nr_types(const struct btf *btf)
{
	return btf__type_cnt(btf) - 1;
}

static inline int btf__get_from_id(__u32 id, struct btf **btf)
{
	*btf = btf__load_from_kernel_by_id(id);
	return *btf ? 0 : -errno;
}

static inline struct bpf_map *bpf_map__next(const struct bpf_map *map, const struct bpf_object *obj)
{
	return bpf_object__next_map(obj, map);
}

static inline struct bpf_program *bpf_program__next(struct bpf_program *prog,
						    const struct bpf_object *obj)
{
	return bpf_object__next_program(obj, prog);
}

static inline struct bpf_program *bpf_object__find_program_by_title(const struct bpf_object *obj,
								     const char *title)
{
	struct bpf_program *prog = NULL;

	while ((prog = bpf_object__next_program(obj, prog)))
		if (!strcmp(bpf_program__section_name(prog), title))
			return prog;
	return NULL;
}

static inline size_t bpf_program__size(const struct bpf_program *prog)
{
	return bpf_program__insn_cnt(prog) * sizeof(struct bpf_insn);
}

/* Of the arrays, libxdp asks for the ids of the maps alone. */
#define BPF_PROG_INFO_MAP_IDS 3

struct bpf_prog_info_linear {
	__u32 info_len;
	struct bpf_prog_info info;
	__u32 map_ids[];
};

static inline struct bpf_prog_info_linear *bpf_program__get_prog_info_linear(int fd, __u64 arrays)
{
	struct bpf_prog_info info = {};
	__u32 length = sizeof(info);
	struct bpf_prog_info_linear *linear;

	(void)arrays;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return (void *)(long)-errno;
	linear = calloc(1, sizeof(*linear) + info.nr_map_ids * sizeof(__u32));
	if (!linear)
		return (void *)-(long)ENOMEM;
	linear->info_len = sizeof(linear->info);
	linear->info.nr_map_ids = info.nr_map_ids;
	linear->info.map_ids = (unsigned long)linear->map_ids;
	if (!bpf_obj_get_info_by_fd(fd, &linear->info, &length))
		return linear;
	free(linear);
	return (void *)(long)-errno;
}

#endif
