package replay

import (
	"bytes"
	"os"
	"strconv"
)

// ResidentMemory is what the process takes in all: SQLite's memory is not on Go's
// heap. It is 0 where the system does not tell.
func ResidentMemory() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
