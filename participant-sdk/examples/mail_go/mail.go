// mail.go: a participant in plain Go, over the http binding, without the SDK and without a database: the last step of a
// saga, which sends mails. What a mail server is handed stands in a file here, a line each, so that a test can look.
//
//	go run mail.go -listen 127.0.0.1:7430 -mails mails.log -token-file mail.token
//	trothctl participant add mail http://127.0.0.1:7430 --binding http --token-file mail.token
//
// Whoever reaches it could have it send. So the coordinator shows a token, or over mutual TLS a certificate that has one of
// the names, or both (docs/security.md): authenticate is the part to copy.
//
// It happens once: what was done for a branch stands in the file under its gtid and branch before it is answered, and a
// repetition finds it there. A compensation that comes first leaves its line, too, and what comes late finds that.
// Operation: send {"to": "…", "text": "…"}. A mail that was sent stays sent: its compensation sends another one.
package main

import (
	"bufio"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const bodyBytesMax = 1 << 20

// --- whose commands these are

type coordinators struct {
	tokenFile string
	names     map[string]bool // of a certificate: "DNS:trothd.internal", "URI:spiffe://…", "email:…"
}

// authenticate says who may not command: a status and words; 0: he may.
func (c *coordinators) authenticate(r *http.Request) (int, string) {
	if len(c.names) > 0 {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			return http.StatusUnauthorized, "this participant takes commands only from who shows a certificate"
		}
		if !c.knows(r.TLS.PeerCertificates[0]) {
			return http.StatusForbidden,
				"the certificate that was shown has none of the names of this participant's coordinators"
		}
	}
	if c.tokenFile != "" && !c.holds(r.Header.Values("Authorization")) {
		return http.StatusUnauthorized,
			"this participant takes commands only from who shows a token that it knows (Authorization: Bearer)"
	}
	return 0, ""
}

func (c *coordinators) knows(certificate *x509.Certificate) bool {
	for _, name := range certificate.DNSNames {
		if c.names["DNS:"+name] {
			return true
		}
	}
	for _, uri := range certificate.URIs {
		if c.names["URI:"+uri.String()] {
			return true
		}
	}
	for _, address := range certificate.EmailAddresses {
		if c.names["email:"+address] {
			return true
		}
	}
	return false
}

// holds reads the file anew each time, so that a token is exchanged without a restart, and compares all of its lines.
func (c *coordinators) holds(shown []string) bool {
	text, err := os.ReadFile(c.tokenFile)
	if err != nil || len(shown) != 1 {
		return false
	}
	found := 0
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			found |= subtle.ConstantTimeCompare([]byte("Bearer "+words[0]), []byte(shown[0]))
		}
	}
	return found == 1
}

// --- the business, and that it happens once

type line struct {
	Key  string          `json:"key"` // journal, gtid, branch
	Op   string          `json:"op"`  // execute, compensate
	Mail json.RawMessage `json:"mail,omitempty"`
}

type mailbox struct {
	lock sync.Mutex
	file *os.File
	done map[string]string // by key: the last op
}

func open(path string) (*mailbox, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	box := &mailbox{file: file, done: map[string]string{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 2*bodyBytesMax)
	for lines.Scan() {
		var was line
		if json.Unmarshal(lines.Bytes(), &was) == nil { // a line that a crash cut off was not answered
			box.done[was.Key] = was.Op
		}
	}
	return box, lines.Err()
}

// keep makes it durable. After a cut line it begins on a new one.
func (b *mailbox) keep(what line) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if _, err = b.file.Write(append([]byte("\n"), append(text, '\n')...)); err == nil {
		err = b.file.Sync()
	}
	if err == nil {
		b.done[what.Key] = what.Op
	}
	return err
}

// do answers a status, the state of the branch and words.
func (b *mailbox) do(op, key string, mail json.RawMessage) (int, string, string) {
	b.lock.Lock()
	defer b.lock.Unlock()
	was := b.done[key]
	var err error
	switch {
	case op == "execute" && was == "compensate":
		return http.StatusConflict, "aborted", "this step was taken back"
	case op == "execute" && was == "":
		err = b.keep(line{key, op, mail})
	case op == "compensate" && was != "compensate":
		err = b.keep(line{key, op, nil})
	case op == "abort" && was == "":
		err = b.keep(line{key, "compensate", nil})
	case op == "prepare" || op == "commit":
		return http.StatusNotImplemented, "", "a mail cannot be prepared: mode saga"
	}
	if err != nil { // it may stand in the file: asked again
		return http.StatusInternalServerError, "", err.Error()
	}
	states := map[string]string{"execute": "committed", "compensate": "compensated"}
	if op == "abort" && b.done[key] == "compensate" {
		return http.StatusOK, "aborted", ""
	}
	return http.StatusOK, states[b.done[key]], ""
}

// --- HTTP

func (b *mailbox) serve(c *coordinators) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if status, words := c.authenticate(r); status != 0 {
			if status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="troth"`)
			}
			refuse(w, status, words)
			return
		}
		op, found := strings.CutPrefix(r.URL.Path, "/send/")
		if !found || r.Method != http.MethodPost {
			refuse(w, http.StatusNotFound, "no such operation: POST /send/{execute|compensate|abort|status}")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
		if err != nil || (op == "execute" && !json.Valid(body)) {
			refuse(w, http.StatusBadRequest, "the body is not JSON")
			return
		}
		key := strings.Join([]string{r.Header.Get("Troth-Journal"), r.Header.Get("Troth-Gtid"),
			r.Header.Get("Troth-Branch")}, ":")
		status, state, words := b.do(op, key, body)
		if state != "" {
			w.Header().Set("Troth-State", state)
		}
		if status != http.StatusOK {
			refuse(w, status, words)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func refuse(w http.ResponseWriter, status int, words string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"detail": words})
}

func context(certificate, key, ca string) (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(certificate, key)
	config := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13}
	if err != nil || ca == "" {
		return config, err
	}
	text, err := os.ReadFile(ca)
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if err == nil && !config.ClientCAs.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s: no certificate is in it", ca)
	}
	return config, err
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port")
	mails := flag.String("mails", "mails.log", "file of what was sent")
	tokenFile := flag.String("token-file", "", "tokens, one a line, of which the coordinator must show one")
	certificate := flag.String("tls-certificate", "", "PEM; it serves https")
	key := flag.String("tls-key", "", "PEM")
	ca := flag.String("tls-ca", "", "PEM: who signs the coordinator's certificate, which it must show")
	names := flag.String("coordinators", "", "names in its certificate, between commas: DNS:trothd.internal")
	flag.Parse()
	c := &coordinators{tokenFile: *tokenFile, names: map[string]bool{}}
	for _, name := range strings.Split(*names, ",") {
		if name != "" {
			c.names[name] = true
		}
	}
	box, err := open(*mails)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("mail ready listen=%s\n", listener.Addr())
	if *certificate != "" {
		config, err := context(*certificate, *key, *ca)
		if err != nil {
			log.Fatal(err)
		}
		listener = tls.NewListener(listener, config)
	}
	server := &http.Server{Handler: box.serve(c), ReadTimeout: 30 * time.Second, IdleTimeout: 75 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0)}
	log.Fatal(server.Serve(listener))
}
