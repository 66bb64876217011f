//go:build crashpoints

package crashpoint

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
)

// Hook returns what a program calls at each of its points, nil where none is
// asked for. The error is about a point that the program does not have.
func Hook(known ...string) (func(point string), error) {
	text := os.Getenv(Env)
	if text == "" {
		return nil, nil
	}
	p, err := Parse(text, known)
	if err != nil {
		return nil, err
	}
	fired := os.Getenv(EnvFired)
	var arrivals atomic.Int64
	return func(point string) {
		if point == p.Name && arrivals.Add(1) == int64(p.Arrival) {
			die(p.Name, fired)
		}
	}, nil
}

// die ends the process as a power cut would: nothing is flushed, nothing runs.
func die(name, fired string) {
	if fired != "" {
		if err := note(name, fired); err != nil {
			// Whoever waits for the line finds this instead.
			fmt.Fprintf(os.Stderr, "crashpoint: note %s: %v\n", name, err)
		}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal arrives
}

func note(name, path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(name + "\n"); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
