# SPDX-License-Identifier: GPL-2.0
# What the kernel headers at hand offer.  Symbols are looked for, not version
# numbers: distributions backport.  Included by Kbuild; $(srctree) holds the headers.

compat-probe = $(shell grep -qsE '$(2)' $(srctree)/include/linux/$(1) && echo -D$(3))

ccflags-y += $(call compat-probe,blkdev.h,bdev_file_open_by_path,COMPAT_BDEV_FILE)
ccflags-y += $(call compat-probe,blkdev.h,typedef unsigned int __bitwise blk_mode_t,COMPAT_BLK_MODE)
ccflags-y += $(call compat-probe,blkdev.h,getgeo..struct gendisk,COMPAT_GETGEO_DISK)
ccflags-y += $(call compat-probe,blkdev.h,queue_limits_start_update,COMPAT_QUEUE_LIMITS)
ccflags-y += $(call compat-probe,blk_types.h,bd_mapping,COMPAT_BD_MAPPING)
ccflags-y += $(call compat-probe,blk-mq.h,BLK_MQ_F_SHOULD_MERGE,COMPAT_SHOULD_MERGE)
ccflags-y += $(call compat-probe,blk-mq.h,BLK_MQ_F_NO_SCHED_BY_DEFAULT,COMPAT_NO_SCHED_BY_DEFAULT)
ccflags-y += $(call compat-probe,net.h,kernel_sendpage_locked,COMPAT_SENDPAGE)
ccflags-y += $(call compat-probe,net.h,sockaddr_unsized,COMPAT_SOCKADDR_UNSIZED)
ccflags-y += $(call compat-probe,../net/genetlink.h,genl_info_dump,COMPAT_GENL_INFO_DUMP)
ccflags-y += $(call compat-probe,../net/sock.h,sk_use_task_frag,COMPAT_TASK_FRAG)
