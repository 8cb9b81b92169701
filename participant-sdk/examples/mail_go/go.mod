module troth.dev/examples/mail

go 1.21
