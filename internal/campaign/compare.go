package campaign

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"rosey/internal/campaign/model"
	"rosey/internal/doctor"
)

// compare looks at everything that the installation has kept. All parts but the
// server have ended.
func (s *segment) compare(ctx context.Context) error {
	h, m := newHistory(s.talk, s.spoken()), model.New(model.Config{})
	err := s.lines(ctx, func(line []byte) error {
		return errors.Join(h.add(line), m.Add(line), s.evidence.AddExported(line))
	}, "export", "events", "--parts")
	if err != nil {
		return err
	}
	s.result.events = h.events
	s.tell(h.finish())
	if err := s.compareSpool(ctx, h); err != nil {
		return err
	}
	if err := s.compareTables(ctx, m); err != nil {
		return err
	}
	s.compareSpeech()
	if err := s.ownVerdict(ctx, "replay", "--verify"); err != nil {
		return err
	}
	if err := s.ownDoctor(ctx); err != nil {
		return err
	}
	if s.layout == together {
		return nil
	}
	return s.stop(ctx, s.server)
}

// findings are what a comparison comes to.
type findings struct {
	lost, duplicated, differences []string
}

// tell notes what was found.
func (s *segment) tell(f findings) {
	s.result.lost += len(f.lost)
	s.result.duplicated += len(f.duplicated)
	s.result.differences += len(f.differences)
	for _, kind := range []struct {
		name string
		list []string
	}{{"lost", f.lost}, {"twice", f.duplicated}, {"different", f.differences}} {
		if n := len(kind.list); n > 0 {
			s.fail(fmt.Sprintf("%d %s: %s", n, kind.name, strings.Join(kind.list[:min(n, namedAtMost)], "; ")), nil)
		}
	}
}

// ownVerdict lets the program itself say whether something is wrong. A verdict
// that is not good is a difference.
func (s *segment) ownVerdict(ctx context.Context, args ...string) error {
	var said []string
	err := s.lines(ctx, func(line []byte) error {
		said = append(said, string(line))
		return nil
	}, args...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		s.tell(findings{differences: []string{fmt.Sprintf("rosey %s ends with %d: %s",
			strings.Join(args, " "), exit.ExitCode(), strings.Join(said[:min(len(said), namedAtMost)], " / "))}})
	case err == nil && len(said) == 0:
		s.tell(findings{differences: []string{fmt.Sprintf("rosey %s says nothing", strings.Join(args, " "))}})
	default:
		return err
	}
	return nil
}

// ownDoctor asks the program's doctor. Of messages that are unknown it has to tell,
// and of nothing else.
func (s *segment) ownDoctor(ctx context.Context) error {
	var said []byte
	err := s.lines(ctx, func(line []byte) error {
		said = append(append(said, line...), '\n')
		return nil
	}, "doctor", "--json")
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	var report doctor.Report
	if err := json.Unmarshal(said, &report); err != nil {
		return fmt.Errorf("campaign: read the doctor's report: %w", err)
	}
	var found findings
	told := false
	for _, c := range report.Checks {
		switch {
		case c.State == doctor.OK:
		case c.Name == doctor.OutboundOutcomes && c.State == doctor.Unknown:
			told = true
		default:
			found.differences = append(found.differences, fmt.Sprintf("rosey doctor: %s is %s: %s", c.Name, c.State, c.Detail))
		}
	}
	if unknown := s.result.outbound.Unknown; told != (unknown > 0) {
		found.differences = append(found.differences, fmt.Sprintf("rosey doctor tells of unknown messages: %t; there are %d", told, unknown))
	}
	if len(report.Checks) == 0 {
		found.differences = append(found.differences, "rosey doctor says nothing")
	}
	s.tell(found)
	return nil
}

// maxLine is more than the largest event takes.
const maxLine = 32 << 20

// lines runs a command of the program on the data folder and hands on each line
// of what it prints.
func (s *segment) lines(ctx context.Context, each func(line []byte) error, args ...string) error {
	name := strings.Join(args, "-")
	log := filepath.Join(s.folder, name+".log")
	stderr, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	defer func() { _ = stderr.Close() }()
	cmd := exec.CommandContext(ctx, s.cfg.Program, append(args, "--data", string(s.data))...)
	cmd.Env, cmd.Dir, cmd.Stderr = cleanEnv(), s.folder, stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("campaign: rosey %s: %w", name, err)
	}
	scanner := bufio.NewScanner(out)
	scanner.Buffer(make([]byte, 1<<20), maxLine)
	var bad error
	for bad == nil && scanner.Scan() {
		bad = each(scanner.Bytes())
	}
	if bad = errors.Join(bad, scanner.Err()); bad != nil {
		_ = cmd.Process.Kill() // it may have ended
	}
	if err := errors.Join(bad, cmd.Wait()); err != nil {
		text, _ := os.ReadFile(log) // for the message alone
		return fmt.Errorf("campaign: rosey %s: %w\n%s", name, err, bytes.TrimSpace(text))
	}
	return nil
}
