"""Packaging of Ratcam. Exact versions that are known to work together stand in requirements.txt."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = next(
    line.split('"')[1]
    for line in (HERE / "ratcam" / "__init__.py").read_text().splitlines()
    if line.startswith("__version__")
)
VIDEO = ["av>=16,<19"]
PLOTS = ["matplotlib~=3.10"]

setup(
    name="ratcam",
    version=VERSION,
    description="A camera as a contact in Telegram: photos, videos, and alerts that begin before the movement did",
    long_description=(HERE / "README.md").read_text() if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    python_requires=">=3.11",
    packages=find_packages(include=["ratcam", "ratcam.*"]),
    package_data={"ratcam.simulator": ["*.html", "*.css", "*.js"]},
    install_requires=[
        "pykka~=4.5.0",
        "numpy>=1.26,<3",
        "Pillow>=11,<14",
        "python-telegram-bot~=22.8",
        "httpx>=0.27,<0.29",
        "tinydb~=4.9",
    ],
    extras_require={
        "picamera": ["picamera~=1.13"],
        "picamera2": ["picamera2~=0.3", *VIDEO],
        "video": VIDEO,
        "demo": [*VIDEO, "aiohttp~=3.14"],
        "tune": [*VIDEO, *PLOTS],
        "dev": [
            *PLOTS,
            "ruff~=0.17.6",
            "pyright[nodejs]~=1.1.414",
            "import-linter~=2.16",
            "pytest~=9.2",
            "pytest-cov~=7.1",
            "pytest-xdist~=3.8",
            "hypothesis~=6.170",
            "selenium~=4.30",
            "lo-bot-api-emulator==0.3.6",
            "pymp4==1.4.0",
        ],
        # Peers to measure against; large.
        "bench": ["opencv-python-headless>=4.10,<6"],
        # Has wheels for few platforms: no part of "dev".
        "fuzz": ["atheris~=3.0"],
    },
    entry_points={"console_scripts": ["ratcam = ratcam.cli:main"]},
)
