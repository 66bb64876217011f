package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is what figures depend on beside the program.
type Machine struct {
	CPU      string   `json:"cpu"`
	Cores    int      `json:"cores"`
	MemoryMB float64  `json:"memory_mb,omitempty"`
	OS       string   `json:"os"`
	Arch     string   `json:"arch"`
	Kernel   string   `json:"kernel,omitempty"`
	Go       string   `json:"go"`
	Modules  []string `json:"modules"`
	Revision string   `json:"revision,omitempty"`
	// LoadBefore and LoadAfter are the system's averages over a minute. The latter
	// counts the measurements themselves.
	LoadBefore string `json:"load_before"`
	LoadAfter  string `json:"load_after"`
	// OthersCores is how many cores others kept busy on average, negative where that
	// is not known.
	OthersCores float64 `json:"others_cores"`

	began time.Time
	busy  time.Duration
}

// ThisMachine looks at the machine before anything is measured.
func ThisMachine(ctx context.Context) Machine {
	m := Machine{
		CPU: "unknown CPU", Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(),
		LoadBefore: load(), OthersCores: -1, began: time.Now(), busy: busyTime(),
	}
	if v, ok := procValue("/proc/cpuinfo", "model name"); ok {
		m.CPU = v
	}
	if v, ok := procValue("/proc/meminfo", "MemTotal"); ok {
		kb, _ := strconv.ParseFloat(strings.TrimSuffix(v, " kB"), 64)
		m.MemoryMB = kb / 1024
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			switch d.Path {
			case "github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "modernc.org/sqlite":
				m.Modules = append(m.Modules, d.Path+" "+d.Version)
			}
		}
	}
	// A checkout says which one it is; a copy of the files alone does not.
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		m.Revision = strings.TrimSpace(string(out))
	}
	return m
}

// After looks at it again when everything is measured.
func (m *Machine) After() {
	m.LoadAfter = load()
	if m.busy == 0 {
		return
	}
	busy, wall := busyTime()-m.busy, time.Since(m.began)
	var own, children syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) != nil || syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children) != nil {
		return
	}
	for _, t := range [...]syscall.Timeval{own.Utime, own.Stime, children.Utime, children.Stime} {
		busy -= time.Duration(t.Nano())
	}
	m.OthersCores = max(busy.Seconds()/wall.Seconds(), 0)
}

func procValue(path, want string) (string, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == want {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// load is how busy the machine is: figures of a busy one are low.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

// busyTime is how long all cores together have worked since the system started, 0
// where it does not tell.
func busyTime() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	var user, nice, system, idle, wait, irq, soft int64
	if _, err := fmt.Sscanf(string(text), "cpu %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &soft); err != nil {
		return 0
	}
	return time.Duration(user+nice+system+irq+soft) * (time.Second / 100)
}
