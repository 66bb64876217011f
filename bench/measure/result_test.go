package measure

import (
	"math"
	"os"
	"runtime"
	"testing"
	"time"
)

func TestLatencies_TellMeanAndTail(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := 100; i > 0; i-- {
		took = append(took, time.Duration(i)*time.Millisecond)
	}
	res := latencies("x-", took)
	for unit, want := range map[string]float64{"x-mean-ms": 50.5, "x-p50-ms": 51, "x-p99-ms": 100, "x-max-ms": 100} {
		if got := res.Get(unit); got != want {
			t.Errorf("%s is %v, want %v", unit, got, want)
		}
	}
	if c := res.Curves[0]; len(c.X) != len(c.Y) || c.Y[0] != 1 || c.Y[len(c.Y)-1] != 100 {
		t.Errorf("the curve goes from %v to %v", c.Y[0], c.Y[len(c.Y)-1])
	}
	if took[0] != 100*time.Millisecond {
		t.Error("the caller's list was sorted")
	}
}

func TestSlope_IsThatOfALine(t *testing.T) {
	t.Parallel()
	if got := slope([]float64{0, 10, 20, 30}, []float64{5, 7, 9, 11}); math.Abs(got-0.2) > 1e-9 {
		t.Errorf("slope %v, want 0.2", got)
	}
	if got := slope([]float64{3, 3}, []float64{1, 9}); got != 0 {
		t.Errorf("slope of one place %v, want 0", got)
	}
}

func TestUsage_CountsTimeAndMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return
	}
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for sum, until := 0, time.Now().Add(10*time.Second); ; sum++ {
		now, err := usageOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now.cpu >= before.cpu+30*time.Millisecond {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("no time is counted after %d looks: %v, %v", sum, before.cpu, now.cpu)
		}
	}
	if before.resident < megabyte || procPeak(os.Getpid())*megabyte < before.resident/2 {
		t.Errorf("%v bytes in memory, %v MB at most", before.resident, procPeak(os.Getpid()))
	}
	if _, err := usageOf(-1); err == nil {
		t.Error("a process that is none is told of")
	}
}

// What is measured before and after the bounds counts as their mean.
func TestAddRebuildRatios(t *testing.T) {
	t.Parallel()
	r := Result{Metrics: []Metric{{"rebuild-events/s", 100}, {"rebuild-s", 10}, {"peak-rss-MB", 7}, {"sqlite-events/s", 160}}}
	r.Join(Result{Metrics: []Metric{{again, 15}}})
	AddRebuildRatios(&r)
	for unit, want := range map[string]float64{"rebuild-events/s": 80, "rebuild-s": 12.5, "peak-rss-MB": 7, "rebuild/sqlite": 0.5, again: 0} {
		if got := r.Get(unit); got != want {
			t.Errorf("%s is %v, want %v", unit, got, want)
		}
	}
}
