package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is a number of bytes as a person writes it: 4GiB, 500MB, 1048576.
type size int64

// units are the endings of a size. Those without an i are powers of a thousand.
var units = []struct {
	ending string
	bytes  float64
}{
	{"kib", 1 << 10},
	{"mib", 1 << 20},
	{"gib", 1 << 30},
	{"tib", 1 << 40},
	{"kb", 1e3},
	{"mb", 1e6},
	{"gb", 1e9},
	{"tb", 1e12},
	{"b", 1},
	{"", 1},
}

// UnmarshalText reads a number with or without a unit.
func (s *size) UnmarshalText(text []byte) error {
	given := strings.ToLower(strings.TrimSpace(string(text)))
	for _, u := range units {
		number, ok := strings.CutSuffix(given, u.ending)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if bytes := n * u.bytes; err == nil && bytes >= 0 && bytes < math.MaxInt64 {
			*s = size(bytes)
			return nil
		}
		break
	}
	return fmt.Errorf("%q is no size: give a number of bytes, or one with a unit, such as 4GiB or 500MB", text)
}

// spoolFlag bounds the spool.
type spoolFlag struct {
	SpoolMax size `help:"How large the spool may grow in an outage. Once it is full the bot leaves the channel until there is room." default:"${spoolmax}" env:"ROSEY_SPOOL_MAX" placeholder:"SIZE"`
}

// leastSpool has room for what a channel with a playlist of thousands sends at a
// join.
const leastSpool = 64 << 20

// Validate refuses what a bot could not work with; the parser calls it.
func (f spoolFlag) Validate() error {
	if f.SpoolMax < leastSpool {
		return fmt.Errorf("--spool-max: %d bytes are too few for what a channel sends at a join: give 64MiB or more", f.SpoolMax)
	}
	return nil
}
