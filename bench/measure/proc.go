package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTicks is the unit of times in /proc: it is the same on every Linux that Go
// runs on.
const clockTicks = 100

// usage is what a process has used of the machine so far.
type usage struct {
	cpu      time.Duration // of all its threads, in user and system mode
	resident float64       // bytes in memory now
}

// usageOf reads what the system knows about a process. There is no such answer
// but on Linux.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("measure: what process %d uses: %w", pid, err)
	}
	// The name, in brackets, may hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const user, system, pages = 11, 12, 21
	var n [3]int64
	for i, at := range [...]int{user, system, pages} {
		if at >= len(fields) {
			return usage{}, fmt.Errorf("measure: what process %d uses: the system tells only %d fields", pid, len(fields))
		}
		if n[i], err = strconv.ParseInt(string(fields[at]), 10, 64); err != nil {
			return usage{}, fmt.Errorf("measure: what process %d uses: %w", pid, err)
		}
	}
	return usage{
		cpu:      time.Duration(n[0]+n[1]) * time.Second / clockTicks,
		resident: float64(n[2]) * float64(os.Getpagesize()),
	}, nil
}

// forgetPeak lets procPeak of this process begin anew, where the system can.
func forgetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// procPeak is the most that a process has had in memory, in megabytes; 0 where
// the system does not tell.
func procPeak(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				return 0
			}
			return kb / 1024
		}
	}
	return 0
}

// memoryOfMachine is how much there is, in bytes.
func memoryOfMachine() (float64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("measure: memory of the machine: %w", err)
	}
	var kb float64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %f kB", &kb); err != nil {
		return 0, fmt.Errorf("measure: memory of the machine: %w", err)
	}
	return kb * 1024, nil
}
