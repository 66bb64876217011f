package main

import "testing"

func TestSpoolSize_RefusesALimitBelowOneJoin(t *testing.T) {
	t.Parallel()
	var s spoolSize
	if err := s.UnmarshalText([]byte("64MiB")); err != nil || s != 64<<20 {
		t.Errorf("64MiB is %d (%v)", s, err)
	}
	for _, text := range []string{"63MiB", "5", "0", "much"} {
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
