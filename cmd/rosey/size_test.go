package main

import "testing"

func TestSize_UnmarshalText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]size{
		"4GiB": 4 << 30, "4gib": 4 << 30, " 1.5 MiB ": 3 << 19, "500MB": 500_000_000, "1048576": 1 << 20, "10 kB": 10_000,
		"7b": 7, "2TiB": 2 << 40, "0": 0,
	} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "four", "1PiB", "9e30", "NaN", "Inf", "1 2"} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d bytes", text, got)
		}
	}
}

func TestSpoolFlag_RefusesALimitBelowOneJoin(t *testing.T) {
	t.Parallel()
	if err := (spoolFlag{SpoolMax: 64 << 20}).Validate(); err != nil {
		t.Errorf("64MiB: %v", err)
	}
	if err := (spoolFlag{SpoolMax: 64<<20 - 1}).Validate(); err == nil {
		t.Error("less than 64MiB is taken")
	}
}
