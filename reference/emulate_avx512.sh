#!/usr/bin/env bash
# Runs a test program of the kernels or the engine on an emulated CPU with AVX-512, for machines whose own has none.
#
#     reference/emulate_avx512.sh inkstone-kernels differential
#     reference/emulate_avx512.sh inkstone fused a_training_step
#
# Boots Debian's kernel in the Bochs emulator with the statically linked test program as the only user. Needs, on Debian:
#     apt-get install bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso cpio tmux gcc libc6-dev
# What the emulated CPU lacks too (AVX512-BF16, AMX) the kernels' tests execute in software.
# Slower than the machine by a factor of about a hundred.
set -euo pipefail
cd "$(dirname "$0")/.."
crate=$1 test=$2 filter=${3:-}
work=target/emulate
mkdir -p "$work"/{root/proc,root/dev,iso/isolinux}

# A program that needs no libraries.
program=$(RUSTFLAGS="-C target-feature=+crt-static" CARGO_TARGET_DIR=$work/build cargo test --release -p "$crate" --all-features \
    --test "$test" --target x86_64-unknown-linux-gnu --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
cp "$program" "$work/root/program"

# The first process: mounts, runs the program with its output on the serial line, switches off.
cat > "$work/init.c" <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    mount("proc", "/proc", "proc", 0, 0);
    mount("dev", "/dev", "devtmpfs", 0, 0);
    int line = open("/dev/ttyS0", O_RDWR), status;
    for (int fd = 0; fd < 3; fd++) dup2(line, fd);
    if (!fork()) execl("/program", "program", "--nocapture", "--test-threads=1", FILTER, (char *)0);
    wait(&status);
    printf("exit status %d\n", WEXITSTATUS(status));
    fflush(stdout);
    sleep(1);
    reboot(RB_POWER_OFF);
}
C
gcc -static -O1 -DFILTER="\"$filter\"" -o "$work/root/init" "$work/init.c"
(cd "$work/root" && find . | cpio --quiet -o -H newc | gzip -1) > "$work/iso/initrd.gz"

if [ ! -f "$work/iso/vmlinuz" ]; then
    (cd "$work" && name=$(apt-cache search --names-only '^linux-image-[0-9.]+-[0-9]+-cloud-amd64-unsigned$' | tail -n 1 | cut -d' ' -f1) &&
        apt-get download -qq "$name" && dpkg -x "$name"_*.deb kernel && cp kernel/boot/vmlinuz-* iso/vmlinuz)
fi
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/isolinux/"
# Bochs' compacted XSAVE has another size than the kernel expects: the standard form agrees.
cat > "$work/iso/isolinux/isolinux.cfg" <<'C'
DEFAULT run
PROMPT 0
LABEL run
 KERNEL /vmlinuz
 INITRD /initrd.gz
 APPEND console=ttyS0 mitigations=off tsc=unstable quiet clearcpuid=xsaves,xsavec no_timer_check
C
xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso"
cat > "$work/bochsrc" <<C
cpu: model=corei7_skylake_x, count=1, ips=50000000
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial.txt
display_library: term
panic: action=report
log: $work/bochs.log
clock: sync=none
C
echo c > "$work/commands"
rm -f "$work/serial.txt"
session=emulate-$$
tmux new-session -d -x 200 -y 60 -s "$session" "TERM=xterm bochs -q -f $work/bochsrc -rc $work/commands"
until grep -q '^exit status' "$work/serial.txt" 2>/dev/null; do
    tmux has-session -t "$session" 2>/dev/null || break
    sleep 2
done
tmux kill-session -t "$session" 2>/dev/null || true
tr -d '\r' < "$work/serial.txt" | sed -n '/^running/,$p'
grep -q '^exit status 0' "$work/serial.txt"
