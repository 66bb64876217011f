// Command run applies every mutant and says which the tests let pass.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"rosey/internal/mutants"
)

// limit bounds the tests of one mutant: one that makes them hang is noticed too.
const limit = "150s"

// verdict is what became of one mutant.
type verdict string

const (
	caught   verdict = "caught"
	survived verdict = "SURVIVED"
	broken   verdict = "BROKEN" // it does not compile, or no test ran
)

func main() {
	only := flag.String("only", "", "apply only mutants whose names match this pattern")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("read -only: %w", err)
	}
	dir, err := os.MkdirTemp("", "rosey-mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var chosen []mutants.Mutant
	for _, m := range mutants.All() {
		if pattern.MatchString(m.Name) {
			chosen = append(chosen, m)
		}
	}
	// Tests that fail without a fault would catch anything.
	if err := unharmed(ctx, chosen); err != nil {
		return err
	}
	bad := 0
	for i, m := range chosen {
		begin := time.Now()
		v, why, err := try(ctx, dir, &m)
		if err != nil {
			return err
		}
		fmt.Printf("%3d  %-8s  %5.1f s  %s: %s\n", i+1, v, time.Since(begin).Seconds(), m.File, m.Name)
		if v != caught {
			bad++
			fmt.Println(why)
		}
	}
	fmt.Printf("%d of %d mutants caught\n", len(chosen)-bad, len(chosen))
	if bad > 0 {
		return fmt.Errorf("%d mutants are not caught", bad)
	}
	return nil
}

// unharmed runs the tests of the mutants once without any.
func unharmed(ctx context.Context, list []mutants.Mutant) error {
	done := map[string]bool{}
	for _, m := range list {
		key := m.Package + " " + m.Run
		if done[key] {
			continue
		}
		done[key] = true
		if out, err := test(ctx, &m, nil); err != nil {
			return fmt.Errorf("the tests of %s fail without any fault: %w\n%s", key, err, out)
		}
	}
	return nil
}

// failed is what a test that noticed leaves: a failure, a panic or a timeout of
// the tests, and not of the compiler.
var failed = regexp.MustCompile(`(?m)^(\s*--- FAIL|panic: |fatal error: |FAIL\t)`)

// try runs the tests against the faulty program.
func try(ctx context.Context, dir string, m *mutants.Mutant) (verdict, string, error) {
	overlay, err := lay(dir, m)
	if err != nil {
		return "", "", err
	}
	out, err := test(ctx, m, []string{"-overlay", overlay})
	switch {
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	case err == nil && strings.Contains(out, "no tests to run"):
		return broken, out, nil
	case err == nil:
		return survived, "", nil
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") || !failed.MatchString(out):
		return broken, out, nil
	}
	return caught, "", nil
}

// lay writes the faulty file and the overlay that puts it in place.
func lay(dir string, m *mutants.Mutant) (string, error) {
	path, err := filepath.Abs(m.File)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	faulty, err := m.Apply(string(text))
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, "faulty.go")
	if err := os.WriteFile(copied, []byte(faulty), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: copied}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, overlay, 0o600)
}

func test(ctx context.Context, m *mutants.Mutant, flags []string) (string, error) {
	args := append([]string{"test", "-count=1", "-failfast", "-timeout", limit}, flags...)
	if m.Run != "" {
		args = append(args, "-run", m.Run)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, m.Package)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
