//! The service as its own visitor: two uploads, and what came of them.

use std::error::Error;
use std::io::Cursor;
use std::time::Duration;

use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;

pub(crate) async fn show(url: &str) -> Result<(), Box<dyn Error>> {
    for (name, body) in [
        ("sunset.png", sunset()?),
        ("letter.txt", b"Dear reader".to_vec()),
    ] {
        println!("{name}, {} bytes", body.len());
        let picture = upload(url, name, body).await?;
        let end = loop {
            let state = get_json(&format!("{url}{picture}")).await?;
            if state["ended"] == true {
                break state;
            }
            actix_rt::time::sleep(Duration::from_millis(20)).await;
        };
        println!("  {picture}: {end}");
        if end["state"] == "finished" {
            let small = get(&format!("{url}{picture}/small")).await?;
            println!("  {picture}/small: {} bytes of PNG", small.len());
        }
    }
    let page = String::from_utf8(get(&format!("{url}/")).await?)?;
    println!("the page shows {} pictures", page.matches("<img ").count());
    let health = String::from_utf8(get(&format!("{url}/worker/health")).await?)?;
    println!("/worker/health: {health}");
    let status = get_json(&format!("{url}/worker/status")).await?;
    println!(
        "/worker/status: ready {}, {} succeeded, {} failed",
        status["ready"], status["succeeded"], status["failed"]
    );
    Ok(())
}

/// A picture that nobody has to bring along.
fn sunset() -> Result<Vec<u8>, Box<dyn Error>> {
    let picture = RgbImage::from_fn(1200, 800, |x, y| {
        let glow = u8::try_from(255 - (y * 160 / 800)).unwrap_or(u8::MAX);
        let shade = u8::try_from(x * 60 / 1200).unwrap_or(u8::MAX);
        image::Rgb([glow, glow / 2 + shade, 90])
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

async fn upload(url: &str, name: &str, body: Vec<u8>) -> Result<String, Box<dyn Error>> {
    let request = awc::Client::default().post(format!("{url}/pictures?name={name}"));
    let mut answer = request.send_body(body).await.map_err(|e| e.to_string())?;
    let answer: Value = serde_json::from_slice(&answer.body().await?)?;
    let picture = answer["picture"].as_str();
    Ok(picture.ok_or("the upload was refused")?.to_owned())
}

async fn get_json(url: &str) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(&get(url).await?)?)
}

async fn get(url: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let request = awc::Client::default().get(url);
    let mut answer = request.send().await.map_err(|e| e.to_string())?;
    if !answer.status().is_success() {
        return Err(format!("{url}: {}", answer.status()).into());
    }
    Ok(answer.body().await?.to_vec())
}
