# Bulkhead. `make help` tells the targets.
.DEFAULT_GOAL := all
# V=1 shows the commands.
ifndef V
MAKEFLAGS += --no-print-directory -s
endif
B := build
# What programs print and sort, and how Python reads files, is the same in every locale.
export LC_ALL := C.UTF-8
export PYTHONUTF8 := 1
# What a program began to write and could not finish (a full disk) is no target.
.DELETE_ON_ERROR:
CC := gcc
NASM := nasm
CLANG := clang

# ---------------------------------------------------------------------------------------------------------------
# Sources. PURE_SRCS is the one list of the files that compile unmodified for the host: tested, fuzzed, covered.
PURE_SRCS := \
	$(addprefix lib/,fmt.c err.c log.c task.c) \
	$(addprefix mm/,e820.c pool.c frames.c ptree.c ept.c hostpt.c gwalk.c) \
	$(addprefix arch/x86/,acpi_tables.c acpi_fadt.c acpi_dmar.c acpi_spcr.c exit_ring.c tsc_pick.c vmx/caps.c vmx/names.c) \
	$(addprefix boot/,boot_info.c mb2.c mb1.c cmdline.c) \
	$(addprefix drivers/,console/fb_text.c console/screen.c console/uart_place.c console/uart_pci.c input/ps2_keys.c) \
	$(addprefix vmm/base/,io_bus.c timer.c vclock.c cpuset.c guest_map.c guest_shadow.c irq_gate.c) \
	$(addprefix vmm/policy/,cpuid.c cpuid_features.c xsave.c msr.c msr_bitmap.c msr_mc.c msr_mtrr.c msr_state.c crs.c pv.c pv_call.c \
		inject.c taskswitch.c taskswitch_load.c gstate.c gstate_entry.c gstate_seg.c) \
	$(addprefix vmm/sched/,sched.c heap.c group.c queue.c wake.c) \
	$(addprefix vmm/config/,config.c blob.c value.c guest.c platform.c drives.c nics.c sched.c life.c links.c \
		machine.c place.c) \
	$(addprefix vmm/load/,load.c put.c elf.c linux.c elf_place.c mb1.c mb2.c) \
	$(addprefix vmm/firmware/,tables.c acpi.c area.c bios.c mptable.c smbios.c pc.c loader.c direct.c bootorder.c) \
	$(addprefix vmm/emul/,decode.c optable.c exec.c fast.c mem.c alu.c data.c misc.c stack.c string.c segload.c far.c \
		sys.c sysreg.c sse.c x87.c avx.c done.c) \
	$(addprefix vmm/state/,stream.c read.c show.c) \
	$(addprefix vmm/backend/,ramdisk.c) \
	$(addprefix vmm/dev/,vdev.c) \
	$(addprefix vmm/dev/irq/,vpic.c vioapic.c vlapic.c vlapic_bus.c vlapic_regs.c vlapic_timer.c \
		vlapic_state.c pc_irqchip.c pc_irqchip_send.c) \
	$(addprefix vmm/dev/pc/,vpit.c vpit_chan.c vrtc.c vcmos.c vpm.c vreset.c vcrtc.c vuart.c vdebug.c vfwcfg.c vflash.c) \
	$(addprefix vmm/dev/pc/,v8042.c vps2kbd.c vps2codes.c vps2mouse.c vhpet.c vhpet_state.c vlpt.c vdma.c vfdc.c vfdc_cmd.c vfdc_xfer.c vfdc_state.c) \
	$(addprefix vmm/dev/ide/,vide.c vide_xfer.c vide_ata.c vide_atapi.c vide_cd.c vide_identify.c vide_dma.c vide_state.c) \
	$(addprefix vmm/dev/pci/,vpci.c vpci_bar.c vpci_msi.c vpci_state.c vi440fx.c vpiix3.c vi6300esb.c vpiix4pm.c) \
	$(addprefix vmm/dev/pci/,vvga.c vvga_regs.c vvga_vbe.c vvga_mem.c vvga_draw.c vvga_text.c vvga_same.c vvga_fb.c) \
	$(addprefix vmm/dev/pci/,ve1000.c ve1000_regs.c ve1000_irq.c ve1000_eeprom.c ve1000_phy.c ve1000_tx.c ve1000_seg.c ve1000_rx.c) \
	$(addprefix vmm/vm/,status.c remap.c a20.c) \
	$(addprefix vmm/life/,life.c match.c ops.c text.c holds.c) \
	$(addprefix vmm/mon/,mon.c out.c json.c cmd.c cmd_guest.c cmd_stat.c cmd_debug.c cmd_metrics.c line.c vt.c \
		obuf.c mux.c ctl.c dts.c keys.c cmd_screen.c cmd_media.c pixels.c) \
	$(addprefix vmm/operator/,port.c) vmm/pcpu/rtc_time.c
# What a pure file needs of the machine and the host runs as it is.
PURE_ASM := arch/x86/task.asm
# Parts of tools, tested and fuzzed like them, but not in the hypervisor.
TOOL_PURE_SRCS := tools/machine_json.c tools/pace.c

# The guests' DSDTs: compiled by iasl, embedded as C arrays.
PURE_SRCS += $(B)/gen/dsdt_aml.c $(B)/gen/dsdt_pc_aml.c
$(B)/gen/dsdt_pc.aml: vmm/firmware/dsdt_pc_isa.asl
$(B)/gen/dsdt.aml $(B)/gen/dsdt_pc.aml: $(B)/gen/%.aml: vmm/firmware/%.asl
	@mkdir -p $(@D)
	iasl -vs -we -p $(B)/gen/$* $< >$(B)/gen/$*.log 2>&1 || { cat $(B)/gen/$*.log; rm -f $@; exit 1; }
$(B)/gen/dsdt_aml.c: $(B)/gen/dsdt.aml tools/bin2c.py
	python3 tools/bin2c.py $< $@ dsdt_aml vmm/firmware/tables.h
$(B)/gen/dsdt_pc_aml.c: $(B)/gen/dsdt_pc.aml tools/bin2c.py
	python3 tools/bin2c.py $< $@ dsdt_pc_aml vmm/firmware/files.h

# ---------------------------------------------------------------------------------------------------------------
# The framebuffer console's font: generated from Debian's console fonts (the X11 "fixed" glyphs, public domain).
FONT_NAME := Lat15-Fixed16
FONT_PSF := $(B)/font/usr/share/consolefonts/$(FONT_NAME).psf.gz
$(FONT_PSF):
	@mkdir -p $(B)/font
	cd $(B)/font && apt-get -qq -o APT::Sandbox::User=root download console-setup-linux && \
		dpkg-deb --fsys-tarfile console-setup-linux_*.deb | tar -xm ./usr/share/consolefonts/$(FONT_NAME).psf.gz
	@rm -f $(B)/font/*.deb
	@test -s $@
$(B)/gen/font.c: $(FONT_PSF) tools/psf2c.py
	@mkdir -p $(@D)
	python3 tools/psf2c.py $< $@

# ---------------------------------------------------------------------------------------------------------------
# Hosted build: the pure files under sanitizers and gcov, one Check program per tests/unit/test_*.c.
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Wpointer-arith -Wwrite-strings
HOST_CFLAGS := -std=gnu17 -O1 -g $(WARN) -Wno-unused-parameter -I. -MMD -MP \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
COV_CFLAGS := --coverage
HOST_ASM := $(PURE_ASM:%.asm=$(B)/host/%.asm.o)
HOST_OBJS := $(PURE_SRCS:%.c=$(B)/host/%.o) $(TOOL_PURE_SRCS:%.c=$(B)/host/%.o) $(HOST_ASM)
UNIT_SRCS := $(wildcard tests/unit/test_*.c)
UNIT_BINS := $(UNIT_SRCS:tests/unit/%.c=$(B)/unit/%)

# Counts of what was compiled before do not fit.
$(B)/host/%.o: %.c
	@mkdir -p $(@D)
	@rm -f $(@:.o=.gcda)
	$(CC) $(HOST_CFLAGS) $(COV_CFLAGS) -c $< -o $@
$(B)/host/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(NASM) -f elf64 -Werror -MD $@.d $< -o $@
$(B)/host/libpure.a: $(HOST_OBJS)
	@rm -f $@
	ar rcD $@ $^
$(B)/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -Itests/unit -c $< -o $@
# tests/unit/support.c supplies panic() for the hosted build; fakes in a test override what the archive has.
$(B)/unit/test_%: $(B)/unit/test_%.o $(B)/unit/support.o $(B)/host/libpure.a
	$(CC) $(HOST_CFLAGS) $(COV_CFLAGS) $^ -o $@ -lcheck -lsubunit -lm -lrt -lpthread -lfdt
.PRECIOUS: $(B)/unit/%.o

units: $(UNIT_BINS)

# ---------------------------------------------------------------------------------------------------------------
# Fuzzers: clang's libFuzzer with ASan/UBSan over the same pure files.
FUZZ_CFLAGS := -std=gnu17 -O1 -g -I. -MMD -MP -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_OBJS := $(PURE_SRCS:%.c=$(B)/fuzzobj/%.o) $(TOOL_PURE_SRCS:%.c=$(B)/fuzzobj/%.o) $(HOST_ASM)
FUZZ_SRCS := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BINS := $(FUZZ_SRCS:tests/fuzz/%.c=$(B)/fuzz/%)
$(B)/fuzzobj/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -c $< -o $@
$(B)/fuzz/libpure.a: $(FUZZ_OBJS)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcD $@ $^
# One source a compilation: -MMD writes one list of headers, of the last source it was given.
$(FUZZ_BINS): $(B)/fuzz/%: $(B)/fuzzobj/tests/fuzz/%.o $(B)/fuzzobj/tests/unit/support.o $(B)/fuzz/libpure.a
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $^ -o $@ -lfdt
.SECONDARY: $(FUZZ_SRCS:%.c=$(B)/fuzzobj/%.o)
fuzzers: $(FUZZ_BINS)

# ---------------------------------------------------------------------------------------------------------------
# Hypervisor image.
HV_SRCS := $(filter-out $(B)/gen/%,$(PURE_SRCS)) lib/string.c mm/hvmem.c \
	$(addprefix arch/x86/,trap.c early_log.c lapic.c tsc.c smp.c power.c fpu.c ksyms.c vmx/vmx.c) \
	$(addprefix drivers/,console/uart16550.c console/vga_text.c input/ps2_kbd.c pci/config.c) \
	$(addprefix vmm/pcpu/,clock.c kick.c walltime.c) \
	$(addprefix vmm/vm/,vm.c memory.c devmem.c) \
	$(addprefix vmm/cpu/,host.c vcpu.c reset.c load.c dump.c events.c apic_mode.c cr.c msr.c cpuid.c pv.c lapic.c kill.c request.c \
		state.c stretch.c) \
	$(addprefix vmm/exit/,exit.c io.c mmio.c cr.c task.c call.c insn.c insn_mem.c insn_regs.c insn_state.c) \
	$(addprefix vmm/board/,disks.c media.c board.c pc.c serial.c memory.c firmware.c nics.c input.c) \
	$(addprefix vmm/life/,create.c guests.c start.c stop.c onoff.c ctl.c events.c state.c) \
	$(addprefix vmm/run/,loop.c turn.c housekeep.c) \
	$(addprefix vmm/operator/,console.c control.c ops.c media.c screen.c set.c) \
	$(addprefix boot/,main.c memory.c firmware.c console.c serial.c guests.c previous.c)
HV_ASM := boot/entry.asm arch/x86/trampoline.asm arch/x86/trap_entry.asm arch/x86/fpu.asm arch/x86/vmx/vmx_entry.asm $(PURE_ASM)
# VMCS_COUNT=1 counts VMREADs and VMWRITEs (the bench's build); STRETCH=1 measures how long root mode lasts
# (system/longest-*).
HV_KIND := $(if $(VMCS_COUNT),-count)$(if $(STRETCH),-stretch)
HV := $(B)/hv$(HV_KIND)
HV_ELF := $(B)/bulkhead$(HV_KIND).elf
HV_CFLAGS := -std=gnu17 -O2 -g $(WARN) -Wno-unused-parameter -I. -MMD -MP -ffreestanding -mcmodel=kernel -mno-red-zone \
	-mgeneral-regs-only -fno-pic -fno-pie -fno-asynchronous-unwind-tables -fno-strict-aliasing -fwrapv \
	-fstack-protector-strong -mstack-protector-guard=tls -mstack-protector-guard-reg=fs \
	-mstack-protector-guard-offset=0x28 -fcf-protection=none -ffile-prefix-map=$(CURDIR)=. \
	$(if $(VMCS_COUNT),-DCONFIG_VMCS_COUNT) $(if $(STRETCH),-DCONFIG_STRETCH)
HV_OBJS := $(HV_SRCS:%.c=$(HV)/%.o) $(HV_ASM:%.asm=$(HV)/%.asm.o) $(HV)/gen/dsdt_aml.o $(HV)/gen/dsdt_pc_aml.o $(HV)/gen/font.o
HV_LINK := ld -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none -T linker.ld
HV_LIBS := $(shell $(CC) -print-file-name=libfdt.a) $(shell $(CC) -print-libgcc-file-name)

$(HV)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) -c $< -o $@
$(HV)/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) -c $< -o $@
$(HV)/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(NASM) -f elf64 -Werror -MD $@.d $< -o $@
# Two links: the first gives the addresses of the panic dump's symbol table, which is last in .rodata.
$(HV)/ksyms0.c: tools/gen-ksyms.py
	@mkdir -p $(@D)
	python3 tools/gen-ksyms.py $@
$(HV)/stage1.elf: $(HV_OBJS) $(HV)/ksyms0.c linker.ld
	$(CC) $(HV_CFLAGS) -c $(HV)/ksyms0.c -o $(HV)/ksyms0.o
	$(HV_LINK) $(HV_OBJS) $(HV)/ksyms0.o $(HV_LIBS) -o $@
$(HV_ELF): $(HV)/stage1.elf
	python3 tools/gen-ksyms.py $(HV)/ksyms1.c $<
	$(CC) $(HV_CFLAGS) -c $(HV)/ksyms1.c -o $(HV)/ksyms1.o
	$(HV_LINK) $(HV_OBJS) $(HV)/ksyms1.o $(HV_LIBS) -o $@
hypervisor: $(HV_ELF)
stretch-hypervisor: # build/bulkhead-stretch.elf
	$(MAKE) STRETCH=1 hypervisor
.PHONY: hypervisor stretch-hypervisor
-include $(shell find $(HV) -name '*.d' 2>/dev/null)

# ---------------------------------------------------------------------------------------------------------------
# What people call; sub-makes, because setup may install what this one has looked for already. Lines with ## are the text of `make help`.
CONFIG ?= demo
CPUS ?= 1
MEMORY ?=
RUNFLAGS ?=

all: hypervisor $(B)/bhcfg $(B)/bhctl ## builds the hypervisor (build/bulkhead.elf), bhcfg and bhctl; the default
help: ## this list
	echo "make [TARGET] [V=1 shows the commands]"; echo
	sed -n 's/^\([a-z][a-z._-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 26
run: setup ## boots CONFIG=demo (or bzimage, NAME) with CPUS=1 MEMORY=MIB in KVM or Bochs; RUNFLAGS= for tools/run
	$(MAKE) hypervisor config-images
	tools/run --config $(CONFIG) --cpus $(CPUS) $(MEMORY:%=--memory %) $(RUNFLAGS)
image: setup ## build/bulkhead.iso: boots by BIOS and UEFI with CONFIG=demo
	$(MAKE) hypervisor config-images
	tools/run --make-iso $(B)/bulkhead.iso --config $(CONFIG)
	echo "$(B)/bulkhead.iso"
check: setup ## every test but those that run only when named; ends with the totals
	tests/run
check-unit: setup ## unit tests and their coverage
	tests/run unit coverage
check-fuzz: setup ## every fuzzer, briefly
	tests/run fuzz
check-system: setup ## boots guests in emulators (not those that run only when named)
	tests/run system
check-static: setup ## include layers, format, analysers
	tests/run static
bench: setup ## ticks per operation of a guest, a boot of Linux beside the bare machine's, sizes; in build/bench.json
	$(MAKE) bench-images
	tools/bench
bench-images:
	$(MAKE) hypervisor guests guest-images
	$(MAKE) VMCS_COUNT=1 hypervisor
setup: ## installs what is missing of the Debian packages needed
	tools/setup
guest-images: $(B)/bhctl ## Debian's kernel and an initramfs in build/guest
	tools/guest-images
nested-image: guest-images ## Linux with KVM and QEMU in build/guest, in which the tests system/nested-* run Bulkhead
	tools/nested-image
# And what else CONFIG names as modules: other kernels, a program of tests/guest.
payloads = $(patsubst %,$(GT)/%.elf,$(filter $(GUEST_NAMES) $(GUEST_LOW),$(shell sed -n 's/.*kernel = "\([^"]*\)".*/\1/p' \
	$(wildcard boot/configs/$(CONFIG).dts) /dev/null)))
config-images: $(B)/bhctl
	$(if $(payloads),$(MAKE) $(payloads))
	tools/guest-images --config $(CONFIG)
# Disks and floppies that the firmware of a PC boots.
$(addprefix $(B)/guest/,bootdisk pccosts return286 screens floppy16 floppytwo): $(B)/guest/%: tests/guest/disk/%.asm tests/guest/disk/boot.inc
	@mkdir -p $(@D)
	$(NASM) -f bin -Werror -o $@ $<
# Another one, with a GPT, GRUB, and no kernel.
$(B)/guest/grubdisk: tools/mkdisk tools/bhtools/disk.py tools/bhtools/parttable.py
	tools/mkdisk --table gpt --root tests/linux --free 1M $@
image-%: $(B)/bhctl # build/guest/NAME, one of tools/guest-images, for tests
	tools/guest-images $*
images-of-%: # those of boot/configs/NAME.dts, for tests
	$(MAKE) config-images CONFIG=$*
clean: ## removes what was built; keeps fetched packages ('make distclean' does not)
	find $(B) -mindepth 1 -maxdepth 1 ! -name downloads -exec rm -rf {} + 2>/dev/null || true
distclean: ## removes build/ as a whole
	rm -rf $(B) compile_commands.json
.PHONY: all help run image check check-unit check-fuzz check-system check-static bench bench-images setup guest-images nested-image config-images clean distclean \
	units fuzzers

# ---------------------------------------------------------------------------------------------------------------
# Static checks.
print-%: # the value of a variable, for tools
	echo '$($*)'
C_DIRS := $(sort $(dir $(HV_SRCS)) vmm/dev/ vmm/backend/ vmm/state/) tools/ tools/bhctl/ $(addprefix tests/,unit/ host/ fuzz/ guest/ guest/rt/ bench/ diff/)
C_FILES := $(wildcard $(addsuffix *.[ch],$(C_DIRS)))
LINT_SRCS := $(filter arch/% boot/% drivers/% lib/% mm/% vmm/%,$(filter %.c,$(C_FILES)))
lint: $(LINT_SRCS:%.c=$(B)/lint/%.tidy) $(B)/lint/cppcheck ## cppcheck and clang-tidy over the hypervisor
$(B)/lint/%.tidy: %.c $(filter %.h,$(C_FILES)) .clang-tidy
	@mkdir -p $(@D)
	clang-tidy --quiet $< -- -std=gnu17 -I. -ffreestanding -mcmodel=kernel -mgeneral-regs-only >$@.log 2>/dev/null || \
		{ cat $@.log; exit 1; }
	mv $@.log $@
# comparePointers, legacyUninitvar: symbols of the linker script and outputs of asm, which cppcheck does not understand;
# shiftTooManyBitsSigned: gcc defines it.
$(B)/lint/cppcheck: $(LINT_SRCS) $(filter %.h,$(C_FILES))
	@mkdir -p $(@D)
	cppcheck --enable=warning,performance,portability --inline-suppr --std=c11 -I. --error-exitcode=1 --quiet \
		--suppress=missingIncludeSystem --suppress=comparePointers --suppress=shiftTooManyBitsSigned \
		--suppress=legacyUninitvar:arch/x86/vmx/vmcs.h $(LINT_SRCS)
	touch $@
check-format: ## C files are as clang-format writes them
	clang-format --dry-run -Werror $(C_FILES)
format: ## writes them so
	clang-format -i $(C_FILES)
check-includes: hypervisor ## the walls of the design: who may include whom, and take names from whom
	tools/check-includes
coverage: ## line coverage of the pure files after the unit tests; fails below 85 %
	tools/coverage --minimum 85 $(filter-out $(B)/%,$(PURE_SRCS)) $(TOOL_PURE_SRCS)
compile_commands.json: ## for editors: how each file of the hypervisor is compiled
	tools/compile-commands $(CC) '$(HV_CFLAGS)' $(LINT_SRCS) >$@
fuzz: fuzzers ## every fuzzer for FUZZ_SECONDS=600
	tests/run --fuzz-seconds $(FUZZ_SECONDS) fuzz
FUZZ_SECONDS ?= 600
.PHONY: lint check-format format check-includes coverage fuzz compile_commands.json

-include $(shell find $(B)/host $(B)/unit $(B)/fuzzobj $(B)/fuzz -name '*.d' 2>/dev/null)

# ---------------------------------------------------------------------------------------------------------------
# The instruction emulator against the host CPU: build/diff/emul_diff [INSTRUCTIONS [SEED]]. No sanitizers: it is about speed.
DIFF_CFLAGS := -std=gnu17 -O2 -g $(WARN) -Wno-unused-parameter -I. -no-pie -fno-pie -mcmodel=small
$(B)/diff/emul_diff: $(wildcard tests/diff/*.c tests/diff/*.h vmm/emul/*.c vmm/emul/*.h) lib/types.h
	@mkdir -p $(@D)
	$(CC) $(DIFF_CFLAGS) $(filter %.c,$^) -o $@

# ---------------------------------------------------------------------------------------------------------------
# bhcfg: the configuration parser as a tool for this host.
BHCFG_SRCS := tools/bhcfg.c tools/bhcfg_show.c tools/bhcfg_modules.c tools/machine_json.c boot/boot_info.c mm/e820.c lib/fmt.c vmm/base/cpuset.c \
	$(addprefix vmm/config/,config.c blob.c value.c guest.c platform.c drives.c nics.c sched.c life.c links.c \
		machine.c place.c) \
	vmm/policy/cpuid_features.c vmm/mon/json.c vmm/mon/dts.c
$(B)/bhcfg: $(BHCFG_SRCS) $(wildcard $(addsuffix *.h,boot/ mm/ vmm/load/ vmm/base/ vmm/config/ vmm/policy/ vmm/sched/ vmm/mon/ lib/ tools/))
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 $(WARN) -Wno-unused-parameter -I. $(filter %.c,$^) -o $@ -lfdt

# ---------------------------------------------------------------------------------------------------------------
# bhctl: the control channel's client for Linux; static, so that it can be copied into any guest. And, for its test, the
# hypervisor's side of the channel as a program of this host (with sanitizers).
BHCTL_LIBS := -lpng -lz -lm
BHCTL_SRCS := $(wildcard tools/bhctl/*.c) tools/pace.c vmm/mon/json.c vmm/mon/vt.c
$(B)/bhctl: $(BHCTL_SRCS) $(wildcard tools/*.h tools/bhctl/*.h vmm/mon/*.h lib/*.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -static $(WARN) -Wno-unused-parameter -I. $(filter %.c,$^) -o $@ $(BHCTL_LIBS)
CTL_SERVER_SRCS := tests/host/ctl_server.c tests/unit/support.c $(wildcard vmm/mon/*.c) lib/fmt.c lib/err.c lib/task.c
$(B)/host-tests/ctl_server: $(CTL_SERVER_SRCS) $(HOST_ASM) $(wildcard vmm/mon/*.h tests/unit/fake_mon.h lib/*.h)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) -Itests/unit $(filter %.c,$^) $(HOST_ASM) -o $@
$(B)/host-tests/bhctl: $(BHCTL_SRCS) $(wildcard tools/*.h tools/bhctl/*.h vmm/mon/*.h lib/*.h)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) $(filter %.c,$^) -o $@ $(BHCTL_LIBS)

# ---------------------------------------------------------------------------------------------------------------
# Guest payloads: build/guest-tests/NAME.elf from tests/guest/NAME.c or tests/bench/NAME.c, the runtime in
# tests/guest/rt/, and, where they exist, NAME_asm.asm (NASM) and NAME_32.c (32-bit code, linked into the same image).
GT := $(B)/guest-tests
GUEST_CFLAGS := -std=gnu17 -O2 -g $(WARN) -Wno-unused-parameter -I. -MMD -MP -ffreestanding -mno-red-zone \
	-mgeneral-regs-only -mcmodel=small -fno-pic -fno-pie -fno-asynchronous-unwind-tables -fno-strict-aliasing -fwrapv \
	-fno-stack-protector -fcf-protection=none -Wno-array-bounds -fno-delete-null-pointer-checks
GUEST_RT := $(GT)/rt/boot.asm.o $(GT)/rt/rt.o $(GT)/rt/machine.o $(GT)/rt/smp.asm.o $(GT)/rt/smp.o $(GT)/lib/fmt.o $(GT)/lib/string.o
# Payloads that stand alone, in 32-bit ELF images from 16 KiB on: tests/guest/NAME.asm.
GUEST_LOW := low biosreset a20 planar
# And images of firmware, as they are, whatever their files are called: tests/guest/NAME.asm.
GUEST_ROM := chipreset pam
GUEST_NAMES := $(filter-out %_32,$(patsubst %.c,%,$(notdir $(wildcard tests/guest/*.c tests/bench/*.c))))
GUEST_ELFS := $(GUEST_NAMES:%=$(GT)/%.elf)
GUEST_LOW_ELFS := $(GUEST_LOW:%=$(GT)/%.elf)
GUEST_ROMS := $(GUEST_ROM:%=$(GT)/%.elf)
guest_extra = $(patsubst tests/guest/%_asm.asm,$(GT)/%_asm.asm.o,$(wildcard tests/guest/$(1)_asm.asm)) \
	$(patsubst tests/guest/%_32.c,$(GT)/%_32.o,$(wildcard tests/guest/$(1)_32.c))
guests: $(GUEST_ELFS) $(GUEST_LOW_ELFS) $(GUEST_ROMS)
$(GT)/rt/%.o: tests/guest/rt/%.c
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -c $< -o $@
$(GT)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -c $< -o $@
$(GT)/%.asm.o: tests/guest/%.asm
	@mkdir -p $(@D)
	$(NASM) -f elf64 -Werror -MD $@.d $< -o $@
# 32-bit code in a 64-bit object: gcc's 32-bit assembly, assembled under .code32.
$(GT)/%_32.o: tests/guest/%_32.c
	@mkdir -p $(@D)
	(echo .code32; $(CC) $(filter-out -mcmodel=% -mno-red-zone -g,$(GUEST_CFLAGS)) -m32 -mregparm=0 -MF $(@:.o=.d) -MT $@ -S $< -o -) | \
		as --64 -o $@ -
$(GT)/%.o: tests/guest/%.c
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -DTEST_NAME='"$*"' -c $< -o $@
$(GT)/%.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -DTEST_NAME='"$*"' -c $< -o $@
.SECONDEXPANSION:
$(GUEST_ELFS): $(GT)/%.elf: $(GT)/%.o $(GUEST_RT) $$(call guest_extra,$$*) tests/guest/rt/link.ld
	ld -nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments --build-id=none \
		-T tests/guest/rt/link.ld $(filter %.o,$^) -o $@.64
	objcopy -O elf32-i386 --strip-debug $@.64 $@
$(GUEST_LOW_ELFS): $(GT)/%.elf: tests/guest/%.asm tests/guest/rt/low.inc
	@mkdir -p $(@D)
	$(NASM) -f elf32 -Werror $< -o $@.o
	ld -m elf_i386 -nostdlib -static -z noexecstack -e start -Ttext 0x4000 $@.o -o $@
$(GUEST_ROMS): $(GT)/%.elf: tests/guest/%.asm tests/guest/rt/rom.inc tests/guest/rt/rom_macros.inc
	@mkdir -p $(@D)
	$(NASM) -f bin -Werror $< -o $@
.PHONY: guests
.PRECIOUS: $(GT)/%.o $(GT)/%_32.o $(GT)/%.asm.o
-include $(shell find $(GT) -name '*.d' 2>/dev/null)
