"""Certificates for tests, and the settings that serve them."""
import subprocess


def run(*command, timeout=30, text=True):
    return subprocess.run([str(part) for part in command], capture_output=True, text=text, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=False)


def make_certificate(folder, name, names):
    """A certificate that signs itself, for `names`; its files."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    made = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
               "-subj", f"/CN={name}", "-addext", "subjectAltName=" + ",".join(f"DNS:{one}" for one in names),
               "-keyout", key, "-out", certificate)
    assert made.returncode == 0, made.stderr
    return certificate, key


def settings(certificates, port, **more):
    pairs = ",".join(f"{certificate}:{key}" for certificate, key in certificates.values())
    return {"https.listen": f"127.0.0.1:{port}", "https.certificates": pairs, "https.reload": "50ms", **more}
